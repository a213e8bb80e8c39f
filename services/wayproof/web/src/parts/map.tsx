// The way of a shipment on a map drawn from files of our own: no tile server is asked. Loaded when it is looked at.

import { type GeoProjection, geoAzimuthalEqualArea, geoPath } from "d3-geo";
import type { Feature, FeatureCollection, MultiLineString, MultiPoint } from "geojson";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import states from "us-atlas/states-10m.json";
import countries from "world-atlas/countries-50m.json";
import type { Location } from "../records";

type Atlas = Topology<Record<string, GeometryCollection>>;
type LonLat = [longitude: number, latitude: number];

export interface Way {
  origin: Location;
  destination: Location;
  route: LonLat[];
  here: LonLat | undefined;
}

interface Land {
  areas: Feature[];
  borders: MultiLineString;
}

const USA = "840";
const MIN_SPAN_DEGREES = 1.2;
const MARGIN_PX = 44;

export default function Map({ way, width }: { way: Way; width: number }): JSX.Element | null {
  const land = useMemo(atlas, []);
  const height = Math.round(Math.min(420, Math.max(240, width * 0.5)));
  const origin = lonLat(way.origin);
  const destination = lonLat(way.destination);
  const points = [origin, destination, way.here, ...way.route].filter((point) => point !== undefined);
  if (points.length === 0) return null;

  const projection = fitted(points, width, height);
  const path = geoPath(projection);
  const drawn = (line: LonLat[]): string => path({ type: "LineString", coordinates: line }) ?? "";
  const rest = way.here ?? way.route.at(-1) ?? origin;
  return (
    <svg class="map" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true" focusable="false">
      <rect class="sea" width={width} height={height} />
      {land.areas.map((area, index) => {
        const d = path(area);
        return d && <path key={index} class="land" d={d} />;
      })}
      <path class="border" d={path(land.borders) ?? ""} />
      {rest && destination && <path class="ahead" d={drawn([rest, destination])} />}
      {way.route.length > 1 && <path class="gone" d={drawn(way.route)} />}
      {origin && <Marker at={projection(origin)} kind="origin" text={way.origin.name ?? way.origin.gln} width={width} />}
      {destination && (
        <Marker
          at={projection(destination)}
          kind="destination"
          text={way.destination.name ?? way.destination.gln}
          width={width}
        />
      )}
      {way.here && <Marker at={projection(way.here)} kind="here" text="" width={width} />}
    </svg>
  );
}

function Marker({
  at,
  kind,
  text,
  width,
}: {
  at: LonLat | null;
  kind: "origin" | "destination" | "here";
  text: string;
  width: number;
}): JSX.Element | null {
  if (!at) return null;
  const [x, y] = at;
  const long = text.length > 26 ? `${text.slice(0, 25)}…` : text;
  const anchor = x < width * 0.3 ? "start" : x > width * 0.7 ? "end" : "middle";
  const offset = anchor === "start" ? -4 : anchor === "end" ? 4 : 0;
  return (
    <g class={`marker ${kind}`} transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`}>
      {kind === "here" && <circle class="halo" r="11" />}
      {kind === "destination" ? <rect x="-5" y="-5" width="10" height="10" /> : <circle r={kind === "here" ? 6 : 5} />}
      {long && (
        <text x={offset} y={kind === "origin" ? 22 : -13} text-anchor={anchor}>
          {long}
        </text>
      )}
    </g>
  );
}

/** Centred on the way, so that distances are true enough anywhere on earth, and zoomed to fit. */
function fitted(points: LonLat[], width: number, height: number): GeoProjection {
  const centre = middle(points);
  const around: LonLat[] = [
    [centre[0], Math.min(89, centre[1] + MIN_SPAN_DEGREES / 2)],
    [centre[0], Math.max(-89, centre[1] - MIN_SPAN_DEGREES / 2)],
  ];
  const extent: MultiPoint = { type: "MultiPoint", coordinates: [...points, ...around] };
  return geoAzimuthalEqualArea()
    .rotate([-centre[0], -centre[1]])
    .clipAngle(120)
    .fitExtent([[MARGIN_PX, MARGIN_PX], [width - MARGIN_PX, height - MARGIN_PX]], extent)
    .clipExtent([[0, 0], [width, height]]);
}

/** The mean direction on the sphere: right across the date line too. */
function middle(points: LonLat[]): LonLat {
  const radians = Math.PI / 180;
  let [x, y, z] = [0, 0, 0];
  for (const [longitude, latitude] of points) {
    x += Math.cos(latitude * radians) * Math.cos(longitude * radians);
    y += Math.cos(latitude * radians) * Math.sin(longitude * radians);
    z += Math.sin(latitude * radians);
  }
  return [Math.atan2(y, x) / radians, Math.atan2(z, Math.hypot(x, y)) / radians];
}

function lonLat({ longitude, latitude }: Location): LonLat | undefined {
  return longitude === undefined || latitude === undefined ? undefined : [longitude, latitude];
}

/** States of the USA in detail, every other country in outline. */
function atlas(): Land {
  const world = countries as unknown as Atlas;
  const usa = states as unknown as Atlas;
  const others = (feature(world, world.objects.countries as GeometryCollection) as FeatureCollection).features.filter(
    ({ id }) => id !== USA,
  );
  const inside = usa.objects.states as GeometryCollection;
  return {
    areas: [...others, ...(feature(usa, inside) as FeatureCollection).features],
    borders: mesh(usa, inside, (one, two) => one !== two),
  };
}
