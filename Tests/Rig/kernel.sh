#!/bin/bash
# kernel.sh   Prints the path of the rig's kernel; builds it first if it is missing (some five minutes, once).
#
# It is Debian's 6.1 source built for User-Mode Linux: a kernel that is an ordinary process, so that a test can connect
# and disconnect devices without touching the machine. Kept in VRBRIDGE_RIG_CACHE (or ~/.cache/vrbridge-rig), one for
# each state of kernel.config and of this script. Exit 77: this machine cannot build it (no Debian, no root), with one line that states the cause.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
cache=${VRBRIDGE_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vrbridge-rig}
kernel=$cache/linux-$(cat "$here/kernel.config" "$here/kernel.sh" | sha256sum | cut -c1-12)
log=$cache/build.log

unable() {
  echo "rig: $*" >&2
  exit 77
}
broken() {
  echo "rig: $*; the log is $log:" >&2
  tail -n 15 "$log" >&2
  exit 1
}

[ "$(uname -m)" = x86_64 ] || unable "User-Mode Linux runs on x86-64 only, this is $(uname -m)"
command -v apt-get >/dev/null || unable "the kernel's source comes from Debian's archive, and this is no Debian system"
[ "$(id -u)" = 0 ] || unable "root is needed (the guest shares the host's files as the user that runs it); run: sudo -E make test-vm"
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
# udev runs in the guest, from the host's files.
[ -x /lib/systemd/systemd-udevd ] || "$here/../../scripts/setup.sh" udev >&2
if [ ! -x "$kernel" ]; then
  "$here/../../scripts/setup.sh" flex bison bc make gcc libc6-dev xz-utils >&2
  echo "rig: building a kernel (some five minutes, once)" >&2
  build=$cache/build
  rm -rf "$build"
  mkdir -p "$build"
  cd "$build"
  apt-get download -o APT::Sandbox::User=root linux-source-6.1 >"$log" 2>&1 \
    || { apt-get update >>"$log" 2>&1 && apt-get download -o APT::Sandbox::User=root linux-source-6.1 >>"$log" 2>&1; } \
    || broken "the package linux-source-6.1 could not be had"
  # The omitted parts are large and not compiled here.
  dpkg --fsys-tarfile linux-source-6.1_*.deb | tar -xO --wildcards '*/linux-source-6.1.tar.xz' \
    | tar -xJ --strip-components=1 --exclude='*/Documentation/devicetree' --exclude='*/drivers/gpu/drm/amd' \
      --exclude='*/tools/perf' --exclude='*/tools/testing' --exclude='*/boot/dts' 2>>"$log" || broken "the source did not unpack"
  rm -f ./*.deb
  # DRM is not built, but its Kconfig names files of the omitted parts.
  sed -i '/drm\/amd\//d' drivers/gpu/drm/Kconfig
  # The guest's processes have the registers of the host's processor: 2,696 bytes with AVX-512, 11,008 with AMX. ptrace(2)
  # takes all of them or none (xstateregs_set of the host's kernel), and some are on the kernel's stacks at a time.
  sed -i 's/\(HOST_FP_SIZE, *\)2696/\111264/' arch/x86/um/user-offsets.c
  grep -q 11264 arch/x86/um/user-offsets.c || broken "the size of the processor's registers was not found"
  sed -i '/^config KERNEL_STACK_ORDER/,/^$/s/default 2 if 64BIT/default 4 if 64BIT/' arch/um/Kconfig
  grep -q 'default 4 if 64BIT' arch/um/Kconfig || broken "the size of the kernel's stacks was not found"
  # Only this line excludes sound from UML; it builds and runs.
  sed -i 's/^if !UML$/if y/' sound/Kconfig
  {
    make -s ARCH=um x86_64_defconfig
    ARCH=um scripts/kconfig/merge_config.sh -m .config "$here/kernel.config"
    make -s ARCH=um olddefconfig
  } >>"$log" 2>&1 || broken "the kernel could not be configured"
  make -s ARCH=um -j"$(nproc)" linux >>"$log" 2>&1 || broken "the kernel did not build"
  strip -o "$kernel.new" linux
  mv "$kernel.new" "$kernel"
  cd /
  rm -rf "$build"
fi
echo "$kernel"
