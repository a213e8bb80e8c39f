// Where a shipment went and is, in words and, when the map is there, on it.

import type { ComponentType, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Location, Shipment, Trace } from "../records";
import { At, When } from "../time";
import { place } from "../words";
import type { Way } from "./map";
import { useWidth } from "./width";

type MapPart = ComponentType<{ way: Way; width: number }>;

export function Route({ shipment, trace }: { shipment: Shipment; trace: Trace | undefined }): JSX.Element {
  const [frame, width] = useWidth<HTMLDivElement>();
  const [map, setMap] = useState<{ part: MapPart }>();
  useEffect(() => {
    void import("./map").then(({ default: part }) => setMap({ part }));
  }, []);
  const { lane, latest } = shipment;
  const route = trace?.route ?? [];
  const last = route.at(-1);
  const position = latest.position ?? (last && { observed_at_ms: last[0], latitude: last[1], longitude: last[2] });
  const known = position !== undefined || hasPlace(lane.origin) || hasPlace(lane.destination);
  const way: Way = {
    origin: lane.origin,
    destination: lane.destination,
    route: route.map(([, latitude, longitude]) => [longitude, latitude]),
    here: position && [position.longitude, position.latitude],
  };
  return (
    <figure class="route">
      <div ref={frame} class="map-frame">
        {known && map && width > 0 && <map.part way={way} width={width} />}
      </div>
      <figcaption class="caption">
        From {place(lane.origin)} to {place(lane.destination)} by {lane.mode}.{" "}
        {position ? (
          <>
            Last position {degrees(position.latitude, "N", "S")}, {degrees(position.longitude, "E", "W")},{" "}
            <When at_ms={position.observed_at_ms} /> (<At at_ms={position.observed_at_ms} />
            ).
          </>
        ) : (
          `No position ${trace?.held_here === false ? "is held here: it is with the organisation that keeps the log of the device" : "has arrived"}.`
        )}
        {route.length > 1 && " The solid line is the way gone, the dashed one the shortest way that is left."}
        {!known && " The places of the lane have no coordinates here, so there is no map."}
      </figcaption>
    </figure>
  );
}

function hasPlace({ latitude, longitude }: Location): boolean {
  return latitude !== undefined && longitude !== undefined;
}

function degrees(value: number, positive: string, negative: string): string {
  return `${Math.abs(value).toFixed(3)}° ${value < 0 ? negative : positive}`;
}
