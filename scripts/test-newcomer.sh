#!/bin/bash
# test-newcomer.sh ROOT DEB   A newcomer's path in a clean Debian: the shell blocks of README.md, of the tutorials and of the
# guide for renderers, by an ordinary user without login session, with the package that README.md installs.
#
# ROOT is the root file system, with /proc mounted and package lists; scripts/test-deb.sh calls this script. /sys is mounted
# read-only meanwhile, as in a container: OpenVINO reads the processors there. The models come from the package index. The
# page first-model.md is skipped, with a message, without a detector and a photo in VRBRIDGE_CORPUS.
set -euo pipefail
root=$1
package=$2
environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
# A mirror, proxy or certificate of this machine applies to its guest too.
while IFS= read -r setting; do environment+=("$setting"); done < <(env | grep -Ei '^(pip_[a-z_]*|[a-z]*_proxy)=' || true)
for file in /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  [ ! -e "$file" ] || install -D -m 644 "$(readlink -f "$file")" "$root$file"
done
within() { env -i "${environment[@]}" chroot "$root" "$@"; }
quietly() {
  "$@" >"$root/newcomer.log" 2>&1 || {
    tail -n 20 "$root/newcomer.log" >&2
    exit 1
  }
}

mount --bind /sys "$root/sys" 2>/dev/null || {
  echo "test-newcomer: skipped: /sys can't be mounted here"
  exit 77
}
trap 'umount "$root/sys"' EXIT
mount -o remount,bind,ro "$root/sys"

# What a desktop has, and nothing that the pages name.
quietly within apt-get install -y --no-install-recommends sudo python3 curl procps
within useradd --create-home --shell /bin/bash newcomer
echo 'newcomer ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/newcomer"
echo 'Defaults env_keep += "DEBIAN_FRONTEND http_proxy https_proxy"' >>"$root/etc/sudoers.d/newcomer"
checkout=/home/newcomer/vrbridge
mkdir -p "$root$checkout/.build/deb"
# What is under version control: builds may run beside.
git ls-files -z | tar -c --null -T - | tar -x -C "$root$checkout"
cp "$package" "$root$checkout/.build/deb/"
pages=(README.md docs/tutorials/first-pose.md docs/tutorials/first-annotation.md)

# What the reader of first-model.md brings: a detector, the names of its classes, a photo.
detector=${VRBRIDGE_CORPUS:-}/vision/models/yolox_nano.onnx
photo=$(ls "${VRBRIDGE_CORPUS:-}"/vision/images/*.jpg 2>/dev/null | head -n 1 || true)
if [ -e "$detector" ] && [ -n "$photo" ]; then
  cp "$detector" "$root$checkout/cups.onnx"
  cp "$photo" "$root$checkout/photo.jpg"
  python3 - >"$root$checkout/cups.txt" <<'X'
import yaml
for model in yaml.safe_load(open("models/catalog.yaml"))["models"]:
    if model["manifest"]["name"] == "object-detection":
        print("\n".join(model["manifest"]["labels"]))
X
  pages+=(docs/tutorials/first-model.md)
else
  echo "test-newcomer: skipped: docs/tutorials/first-model.md, which needs a detector and a photo of VRBRIDGE_CORPUS"
fi
pages+=(docs/tutorials/first-session.md docs/how-to/feed-a-renderer.md)
within chown -R newcomer:newcomer "$checkout"
# As in a container: no login session, hence no runtime directory.
within su newcomer --command "cd $checkout && python3 .ci/shell-lines.py --clean ${pages[*]}" --whitelist-environment=PATH
# The bridge chose the private folder, and nobody else can enter it.
test "$(within stat -c '%U %a' "/tmp/vrbridge-$(within id -u newcomer)")" = 'newcomer 700'
