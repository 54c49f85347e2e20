#!/bin/busybox sh
# The first and only program of the guest. Tells the host what it sees in lines that begin with VIOLET,
# then does what violet.job= on the kernel's command line says.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmpfs /tmp

word() {
  sed -n "s/.*violet\.$1=\([^ ]*\).*/\1/p" /proc/cmdline
}

tell() {
  echo "VIOLET $*"
}

# The IOMMU group of the disk, the kind of its domain, and what it must not map.
describe() {
  group=$(readlink -f /sys/block/vda/device/..)/iommu_group
  tell "kernel=$(uname -r)"
  tell "domain=$(cat "$group/type")"
  tell "reserved=$(tr '\n' ';' <"$group/reserved_regions")"
  tell "serial=$(cat /sys/block/vda/serial)"
}

# What the driver of the IOMMU agreed to: bit 34 is VIRTIO_F_RING_PACKED.
describe_iommu() {
  for device in /sys/bus/virtio/devices/*; do
    [ "$(cat "$device/device")" = 0x0017 ] || continue
    case $(cut -c35 "$device/features") in
      1) tell "rings=packed" ;;
      *) tell "rings=split" ;;
    esac
  done
}

# Writes random bytes over the disk, reads them back past the page cache, compares.
verify() {
  rounds=$(word rounds)
  mib=$(word mib)
  for round in $(seq "$rounds"); do
    dd if=/dev/urandom of=/tmp/data bs=1M count="$mib" 2>/dev/null
    dd if=/tmp/data of=/dev/vda bs=64k conv=fsync 2>/dev/null || return 1
    echo 3 >/proc/sys/vm/drop_caches
    dd if=/dev/vda bs=64k count=$((mib * 16)) 2>/dev/null | cmp - /tmp/data || return 1
  done
}

describe_iommu
# Takes the disk away from its driver and gives it back: the device is reset, its group detached.
rebind() {
  driver=/sys/bus/pci/drivers/virtio-pci
  disk=$(basename "$(readlink -f /sys/block/vda/device/..)")
  echo "$disk" >$driver/unbind
  [ -b /dev/vda ] && return 1
  echo "$disk" >$driver/bind
  [ -b /dev/vda ]
}

# Verifies, marks the disk's last sector and boots again; the second life finds the mark.
again() {
  last=$(($(cat /sys/block/vda/size) - 1))
  if dd if=/dev/vda skip=$last count=1 2>/dev/null | grep -q second-life; then
    tell lives=2
    verify
    return
  fi
  verify || return 1
  echo second-life | dd of=/dev/vda seek=$last count=1 conv=sync,fsync 2>/dev/null
  reboot -f
}

[ -b /dev/vda ] && describe
case $(word job) in
  verify) work=verify ;;
  rebind) work='verify && rebind && rebind && verify' ;;
  reboot) work=again ;;
  shell) work='setsid -c sh -i' ;;
esac
if eval "$work"; then tell verified=yes; else tell verified=no; fi
tell done=yes
poweroff -f
