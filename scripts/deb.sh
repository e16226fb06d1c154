#!/bin/sh
# deb.sh FOLDER [SUFFIX]   Builds Debian packages of the tree and its release build into FOLDER. A version suffix makes
# a package that upgrades the one without.
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
# dpkg's output stays out of the tree.
work=$out/vrbridge-$version
rm -rf "$work"
mkdir -p "$work"
cp -a debian examples "$work/"
if [ -n "${2:-}" ]; then
  sed -i "1s/($version)/($version$2)/" "$work/debian/changelog"
  version=$version$2
fi
cd "$work"
# Swift comes from swift.org, not from a package: the existing build is packaged.
SOURCE_TREE=$tree dpkg-buildpackage --build=binary --no-sign --no-check-builddeps >"$out/build.log" 2>&1 || {
  tail -n 20 "$out/build.log" >&2
  exit 1
}
cd "$tree"
rm -rf "$work"
# The package states what it is made of.
package=$(ls "$out"/vrbridge_"${version}"_*.deb)
dpkg-deb --fsys-tarfile "$package" | tar -xO ./usr/share/vrbridge/sbom/vrbridge.cdx.json >"$out/vrbridge.cdx.json"
scripts/sbom.py --check "$out/vrbridge.cdx.json"
ls "$out"/*"_${version}_"*.deb
