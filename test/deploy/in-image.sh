# Runs a command as a container would: with a read-only root that has only Node.js, the libraries of the
# system and /app, as process 1 of its own, as another user, without new privileges.
#
#     unshare --mount sh in-image.sh APP NODE UID:GID COMMAND…
#
# The folder VOLUME_AT_TMPDIR, if it is given, is mounted at TMPDIR, as a volume.
set -e
app=$1 node=$2 user=$3
shift 3
root=$(TMPDIR=/tmp mktemp -d)
mount --make-rprivate /
mount -t tmpfs tmpfs "$root"
mkdir -p "$root/usr/local/bin" "$root/app" "$root/dev" "$root/proc"
for folder in /usr/lib /usr/lib64; do
  [ -d "$folder" ] || continue
  mkdir -p "$root$folder"
  mount --bind -o ro "$folder" "$root$folder"
  ln -s "${folder#/}" "$root/${folder##*/}"
done
touch "$root/usr/local/bin/node"
mount --bind -o ro "$node" "$root/usr/local/bin/node"
mount --bind -o ro "$app" "$root/app"
mount --rbind /dev "$root/dev"
mkdir -p "$root$TMPDIR"
chmod 700 "$root$TMPDIR"
chown "$user" "$root$TMPDIR"
[ -z "$VOLUME_AT_TMPDIR" ] || mount --bind "$VOLUME_AT_TMPDIR" "$root$TMPDIR"
mount -o remount,ro "$root"
exec setpriv --no-new-privs unshare --pid --fork --kill-child --mount-proc --root="$root" --wd=/app \
  --setgid "${user#*:}" --setuid "${user%:*}" "$@"
