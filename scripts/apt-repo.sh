#!/bin/bash
# apt-repo.sh [--debs DIR] [--out DIR]: makes a signed apt repository in OUT (target/apt) of the
# packages in DIR (target/deb). `make apt-repo` calls it.
#
# Everything in OUT is for the web server: copy it there whole, `pool` before `dists`. The old
# repository stays in place until the new one is complete.
#
#   MESHCHAT_APT_KEY         secret key that signs: the armoured text itself, or a file with it
#   MESHCHAT_APT_KEYID       instead, or to choose of several: a key of your own GnuPG
#   MESHCHAT_APT_PASSPHRASE  for that key; or MESHCHAT_APT_PASSPHRASE_FILE
#   MESHCHAT_APT_MORE_KEYS   file of public keys that users shall trust too: the next key, or the last
#   MESHCHAT_APT_URL         where users will find the repository (without it: the folder OUT)
#   MESHCHAT_APT_KEEP        N: packages of the old repository stay, up to N versions of each
#   MESHCHAT_APT_VALID_DAYS  N: clients refuse the repository N days after it was signed
#   MESHCHAT_APT_DATE        when it was signed, in seconds since 1970 (without it: now)
#
# The same packages, key and date make the same bytes. packaging/APT.md says why what is so.
set -euo pipefail
umask 022
export LC_ALL=C

cd "$(dirname "$(readlink -f "$0")")/.."
readonly SUITE=stable COMPONENT=main NAME=meshchat
readonly KEYRING=meshchat-archive-keyring
readonly ARCHITECTURES=(amd64 arm64 armhf)
readonly URL=${MESHCHAT_APT_URL-} KEEP=${MESHCHAT_APT_KEEP:-0}
readonly VALID_DAYS=${MESHCHAT_APT_VALID_DAYS:-0} DATE=${MESHCHAT_APT_DATE:-$(date +%s)}
DEBS="" OUT="" NEW="" OLD="" SECRET="" SIGNER=""

main() {
  arguments "$@"
  need
  trap clean EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  # Short, as the agent's socket is in it; in memory where that is possible.
  SECRET=$(mktemp -d /dev/shm/meshchat-apt.XXXXXX 2>/dev/null || mktemp -d)
  open_key
  mkdir -p "$OUT"
  NEW=$(mktemp -d "$OUT.new.XXXXXX")
  chmod 755 "$NEW"
  public_keys
  fill_pool
  write_indexes
  write_release
  sign
  write_sources
  put_in_place
  report
}

arguments() {
  local target=${CARGO_TARGET_DIR:-target}
  DEBS=$target/deb OUT=$target/apt
  while [ $# -gt 0 ]; do
    case $1 in
      --debs) DEBS=${2:?--debs needs a folder} ;;
      --out) OUT=${2:?--out needs a folder} ;;
      *) die "usage: scripts/apt-repo.sh [--debs DIR] [--out DIR]" ;;
    esac
    shift 2
  done
  OUT=$(readlink -m "$OUT")
  number MESHCHAT_APT_KEEP "$KEEP"
  number MESHCHAT_APT_VALID_DAYS "$VALID_DAYS"
  number MESHCHAT_APT_DATE "$DATE"
}

number() { # NAME VALUE
  [[ $2 =~ ^[0-9]{1,12}$ ]] || die "$1 must be a whole number, not '$2'"
}

need() {
  local tool
  for tool in apt-ftparchive:apt-utils gpg:gpg gpgconf:gpgconf xz:xz-utils dpkg-deb:dpkg; do
    command -v "${tool%:*}" >/dev/null ||
      die "${tool%:*} is missing:  apt-get install ${tool#*:}   (or: scripts/setup.sh apt)"
  done
  # To sign again what is published, nothing new is needed.
  if [ "$KEEP" -gt 0 ] && [ -d "$OUT/pool" ]; then return; fi
  compgen -G "$DEBS/*.deb" >/dev/null || die "no packages in $DEBS; make them first:  make deb"
}

# ---- the key

# Sets SIGNER to the key that signs. A key given as text or file lives in SECRET and nowhere else.
open_key() {
  local key=${MESHCHAT_APT_KEY-} keys
  unset MESHCHAT_APT_KEY
  if [ -n "$key" ]; then
    export GNUPGHOME=$SECRET
    case $key in
      *"PRIVATE KEY"*) gpg_with_passphrase --import <<<"$key" ;;
      *)
        [ -r "$key" ] || die "MESHCHAT_APT_KEY is neither an armoured secret key nor a file that can be read"
        gpg_with_passphrase --import "$key"
        ;;
    esac || die "gpg cannot read the key in MESHCHAT_APT_KEY"
  elif [ -z "${MESHCHAT_APT_KEYID-}" ]; then
    no_key
  fi
  mapfile -t keys < <(fingerprints --list-secret-keys ${MESHCHAT_APT_KEYID:+"$MESHCHAT_APT_KEYID"})
  case ${#keys[@]} in
    0) die "there is no secret key ${MESHCHAT_APT_KEYID:-in MESHCHAT_APT_KEY}" ;;
    1) SIGNER=${keys[0]} ;;
    *) die "several keys could sign (${keys[*]}); say which in MESHCHAT_APT_KEYID" ;;
  esac
}

no_key() {
  cat >&2 <<'END'
apt-repo.sh: no key to sign with. Give one in the environment:
  MESHCHAT_APT_KEY=FILE      a secret key (gpg --armor --export-secret-keys ID >FILE), or its text
  MESHCHAT_APT_KEYID=ID      a key of your GnuPG
A new one:  gpg --quick-generate-key 'meshchat archive <you@example.org>' ed25519 sign never
END
  exit 1
}

# The fingerprints of primary keys that a listing of gpg shows.
fingerprints() { # LIST-COMMAND [KEY]
  gpg --batch --with-colons "$@" 2>/dev/null |
    awk -F: '/^(sec|pub)/ { wanted = 1 } /^fpr/ && wanted { print $10; wanted = 0 }'
}

# The passphrase never is an argument, which others could see.
gpg_with_passphrase() {
  local passphrase=${MESHCHAT_APT_PASSPHRASE-} given=()
  if [ -n "${MESHCHAT_APT_PASSPHRASE_FILE-}" ]; then
    passphrase=$(cat "$MESHCHAT_APT_PASSPHRASE_FILE") || die "cannot read MESHCHAT_APT_PASSPHRASE_FILE"
  fi
  # A key of the caller's own GnuPG without a passphrase here: its agent may ask.
  if [ -n "$passphrase" ] || [ "${GNUPGHOME-}" = "$SECRET" ]; then
    given=(--batch --no-tty --pinentry-mode loopback --passphrase-fd 3)
  fi
  gpg --quiet "${given[@]}" "$@" 3< <(printf '%s' "$passphrase")
}

# What users get to check signatures with: the signer, and keys for the time before or after it.
public_keys() {
  local ring=$SECRET/ring
  mkdir -m 700 "$ring"
  gpg --batch --export-options export-minimal --export "$SIGNER" | import_public "$ring"
  if [ -n "${MESHCHAT_APT_MORE_KEYS-}" ]; then
    import_public "$ring" <"$MESHCHAT_APT_MORE_KEYS" || die "gpg cannot read the keys in MESHCHAT_APT_MORE_KEYS"
  fi
  # By fingerprint: the order of a keyring is that of import.
  GNUPGHOME=$ring fingerprints --list-keys | sort | while read -r key; do
    GNUPGHOME=$ring gpg --batch --quiet --export-options export-minimal --export "$key"
  done >"$NEW/$KEYRING.gpg"
}

import_public() { # HOME
  quietly env GNUPGHOME="$1" gpg --batch --quiet --no-autostart --import
}

# ---- packages

fill_pool() {
  local deb
  if [ "$KEEP" -gt 0 ] && [ -d "$OUT/pool" ]; then cp -a "$OUT/pool" "$NEW/pool"; fi
  for deb in "$DEBS"/*.deb; do
    [ -e "$deb" ] || continue
    # This script's own is made below.
    [ "$(dpkg-deb --field "$deb" Package)" = "$KEYRING" ] || add_to_pool "$deb"
  done
  keyring_package
  [ "$KEEP" = 0 ] || drop_old_versions
}

add_to_pool() { # DEB
  local package version architecture folder file
  package=$(dpkg-deb --field "$1" Package)
  version=$(dpkg-deb --field "$1" Version)
  architecture=$(dpkg-deb --field "$1" Architecture)
  folder=$NEW/pool/$COMPONENT/${package:0:1}/$package
  # An epoch is not part of the name of a file.
  file=$folder/${package}_${version#*:}_$architecture.deb
  if [ -e "$file" ] && ! cmp -s "$1" "$file"; then
    die "$package $version ($architecture) is in the repository already, with other bytes.
  Those who have it would not see the new one: raise the version, or remove $OUT to begin anew."
  fi
  install -D -m 644 "$1" "$file"
}

# Users get other keys by an ordinary upgrade: what is published stays while the keys are the same,
# also if other tools pack them into other bytes. Otherwise the version is the date, or what comes
# right after the published one if that is later.
keyring_package() {
  local tree=$SECRET/package version old had=""
  old=$(published_keyring)
  if [ -n "$old" ]; then
    if has_same_keys "$old"; then add_to_pool "$old"; return; fi
    had=$(dpkg-deb --field "$old" Version)
  fi
  version=$(date -u -d "@$DATE" +%Y%m%d.%H%M%S)
  dpkg --compare-versions "$version" gt "$had" || version=$had.1
  install -D -m 644 "$NEW/$KEYRING.gpg" "$tree/usr/share/keyrings/$KEYRING.gpg"
  local doc=$tree/usr/share/doc/$KEYRING
  install -D -m 644 packaging/apt/copyright "$doc/copyright"
  install -D -m 644 packaging/apt/52meshchat-unattended-upgrades "$doc/examples/52meshchat-unattended-upgrades"
  mkdir "$tree/DEBIAN"
  sed "s/@VERSION@/$version/" packaging/apt/control >"$tree/DEBIAN/control"
  sed "s/@VERSION@/$version/; s/@DATE@/$(date -u -R -d "@$DATE")/" packaging/apt/changelog |
    gzip -9n >"$doc/changelog.gz"
  (cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  SOURCE_DATE_EPOCH=$DATE dpkg-deb --root-owner-group -Zxz --build "$tree" "$SECRET/keyring.deb" >/dev/null
  add_to_pool "$SECRET/keyring.deb"
}

# The newest one, or nothing.
published_keyring() {
  local folder=$OUT/pool/$COMPONENT/${KEYRING:0:1}/$KEYRING
  [ ! -d "$folder" ] || newest_first "$folder" | sed -n 1p
}

has_same_keys() { # DEB
  dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/share/keyrings/$KEYRING.gpg" 2>/dev/null | cmp -s - "$NEW/$KEYRING.gpg"
}

# Leaves the newest KEEP versions of each package and architecture.
drop_old_versions() {
  local file newest=()
  local -A kept=()
  mapfile -t newest < <(newest_first "$NEW/pool")
  for file in "${newest[@]}"; do
    local name=${file##*/}
    local group=${name%%_*}_${name##*_}
    kept[$group]=$((${kept[$group]:-0} + 1))
    [ "${kept[$group]}" -le "$KEEP" ] || rm "$file"
  done
}

# The packages in a folder, higher versions before lower ones.
newest_first() { # FOLDER
  local file sorted=() other k version
  while IFS= read -r file; do
    version=$(dpkg-deb --field "$file" Version)
    for ((k = 0; k < ${#sorted[@]}; k++)); do
      other=${sorted[k]%% *}
      if dpkg --compare-versions "$version" gt "$other"; then break; fi
    done
    sorted=("${sorted[@]:0:k}" "$version $file" "${sorted[@]:k}")
  done < <(find "$1" -name '*.deb' | sort)
  [ ${#sorted[@]} = 0 ] || printf '%s\n' "${sorted[@]#* }"
}

# ---- indexes

write_indexes() {
  local architecture folder file hash
  for architecture in "${ARCHITECTURES[@]}"; do
    folder=$NEW/dists/$SUITE/$COMPONENT/binary-$architecture
    mkdir -p "$folder/by-hash/SHA256"
    (cd "$NEW" && apt-ftparchive -o APT::FTPArchive::MD5=false -o APT::FTPArchive::SHA1=false \
      -o APT::FTPArchive::SHA512=false --arch "$architecture" packages pool) >"$folder/Packages"
    gzip -9nk "$folder/Packages"
    xz -9k --threads=1 "$folder/Packages"
    for file in "$folder"/Packages*; do
      hash=$(sha256sum <"$file")
      cp "$file" "$folder/by-hash/SHA256/${hash%% *}"
    done
    keep_last_indexes "$architecture"
  done
}

# Who fetched the old Release a moment ago still finds what it names.
keep_last_indexes() { # ARCHITECTURE
  local old=$OUT/dists/$SUITE part=$COMPONENT/binary-$1 hash size path
  if [ "$KEEP" = 0 ] || [ ! -e "$old/Release" ]; then return; fi
  while read -r hash size path; do
    case $path in
      "$part"/*) cp -n "$old/$part/by-hash/SHA256/$hash" "$NEW/dists/$SUITE/$part/by-hash/SHA256/" ;;
    esac
    : "$size"
  done < <(sed -n '/^SHA256:/,$ s/^ //p' "$old/Release")
}

write_release() {
  local file hash
  cd "$NEW/dists/$SUITE"
  {
    echo "Origin: $NAME"
    echo "Label: $NAME"
    echo "Suite: $SUITE"
    echo "Codename: $SUITE"
    echo "Date: $(rfc_date "$DATE")"
    [ "$VALID_DAYS" = 0 ] || echo "Valid-Until: $(rfc_date $((DATE + VALID_DAYS * 86400)))"
    echo "Acquire-By-Hash: yes"
    echo "Architectures: ${ARCHITECTURES[*]}"
    echo "Components: $COMPONENT"
    echo "Description: meshchat, a chat without a server for small machines"
    echo "SHA256:"
    find "$COMPONENT" -path '*/by-hash' -prune -o -type f -print | sort | while read -r file; do
      hash=$(sha256sum <"$file")
      printf ' %s %16d %s\n' "${hash%% *}" "$(stat -c %s "$file")" "$file"
    done
  } >"$SECRET/Release"
  mv "$SECRET/Release" Release
  chmod 644 Release
  cd "$OLDPWD"
}

rfc_date() { date -u -d "@$1" '+%a, %d %b %Y %H:%M:%S UTC'; }

sign() {
  local folder=$NEW/dists/$SUITE
  # The time within the signatures is that of Release.
  local options=(--yes --local-user "$SIGNER" --digest-algo SHA512 --faked-system-time "$DATE!")
  quietly gpg_with_passphrase "${options[@]}" --clearsign --output "$folder/InRelease" "$folder/Release" ||
    die "gpg did not sign; is the passphrase right (MESHCHAT_APT_PASSPHRASE), and the key older than $(rfc_date "$DATE")?"
  quietly gpg_with_passphrase "${options[@]}" --armor --detach-sign --output "$folder/Release.gpg" "$folder/Release"
  quietly gpgv --quiet --keyring "$NEW/$KEYRING.gpg" "$folder/InRelease" || die "the signature does not fit the key"
  chmod 644 "$folder/InRelease" "$folder/Release.gpg"
}

write_sources() {
  cat >"$NEW/meshchat.sources" <<END
Types: deb
URIs: ${URL:-file://$OUT}
Suites: $SUITE
Components: $COMPONENT
Signed-By: /usr/share/keyrings/$KEYRING.gpg
END
}

put_in_place() {
  OLD=$(mktemp -d "$OUT.old.XXXXXX")
  mv -T "$OUT" "$OLD"
  mv -T "$NEW" "$OUT"
  NEW=""
  rm -rf "$OLD"
  OLD=""
}

report() {
  local count
  count=$(find "$OUT/pool" -name '*.deb' | wc -l)
  echo "$OUT: $count packages for ${ARCHITECTURES[*]}, signed by $SIGNER"
  if [ "$VALID_DAYS" = 0 ]; then
    echo "Valid without an end; MESHCHAT_APT_VALID_DAYS sets one."
  else
    echo "Valid until $(rfc_date $((DATE + VALID_DAYS * 86400))): make it again before that, and publish it."
  fi
  [ -n "$URL" ] || echo "MESHCHAT_APT_URL was not set: meshchat.sources is for this machine alone."
}

clean() {
  # An agent that is left would keep the key in memory.
  if [ -n "$SECRET" ]; then
    GNUPGHOME=$SECRET gpgconf --kill all 2>/dev/null || true
    rm -rf "$SECRET"
  fi
  # Between the two, there would be none.
  if [ -n "$OLD" ] && [ ! -e "$OUT" ]; then mv -T "$OLD" "$OUT"; fi
  rm -rf ${OLD:+"$OLD"} ${NEW:+"$NEW"}
}

# gpg warns of what is meant; its words are shown when it fails.
quietly() { # COMMAND...
  "$@" 2>"$SECRET/words" && return
  cat "$SECRET/words" >&2
  return 1
}

die() { echo "apt-repo.sh: $*" >&2; exit 1; }

main "$@"
