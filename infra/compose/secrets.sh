#!/bin/sh
# Makes what docker-compose.yml needs to know and nobody else: one file for each secret, new random ones.
# Only this user can enter the folder. The files in it are readable, because containers see each of them alone and under
# a user of their own. What is there already stays as it is.
set -eu
folder=${1:-$(dirname "$0")/secrets}
command -v openssl >/dev/null || { echo "openssl is needed to make passwords" >&2; exit 1; }

umask 077
mkdir -p "$folder"
chmod 700 "$folder"

password() { openssl rand -hex 24; }

keep() { # NAME: standard input becomes the file, unless it is there
  test -e "$folder/$1" && return
  cat >"$folder/.$1.new"
  chmod 444 "$folder/.$1.new"
  mv "$folder/.$1.new" "$folder/$1"
}

for organisation in shipper carrier consignee; do
  for name in database_superuser database_reader pages_password; do
    password | tr -d '\n' | keep "${organisation}_$name"
  done
  # What people type is kept in clear beside what the pages' door compares it with.
  printf 'wayproof:%s\n' "$(openssl passwd -6 -stdin <"$folder/${organisation}_pages_password")" | keep "${organisation}_pages"
done
password | tr -d '\n' | keep grafana_admin

echo "secrets in $folder; the pages want the user wayproof and the password of ORGANISATION_pages_password"
