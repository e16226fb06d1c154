#!/bin/sh
# deb.sh FOLDER [SUFFIX]   Builds Debian packages of the tree, whose release build is there, into FOLDER. A suffix to the
# version makes one that upgrades the other.
set -eu
tree=$(pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
version=$(sed -n 's/^vrbridge (\([^)]*\)).*/\1/p' debian/changelog | head -n 1)
said=$(.build/release/vrbridge --version)
case $version in
  "$said"*) ;;
  *)
    echo "vrbridge: debian/changelog is of version $version, the program of $said" >&2
    exit 1
    ;;
esac
# What dpkg writes stays out of the tree.
work=$out/vrbridge-$version
rm -rf "$work"
mkdir -p "$work"
cp -a debian examples "$work/"
if [ -n "${2:-}" ]; then
  sed -i "1s/($version)/($version$2)/" "$work/debian/changelog"
  version=$version$2
fi
cd "$work"
# Swift comes from swift.org, not from a package: what is built already is taken as it is.
SOURCE_TREE=$tree dpkg-buildpackage --build=binary --no-sign --no-check-builddeps >"$out/build.log" 2>&1 || {
  tail -n 20 "$out/build.log" >&2
  exit 1
}
rm -rf "$work"
ls "$out"/*"_${version}_"*.deb
