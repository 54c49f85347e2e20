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

# The IOMMU groups of disk and network card, the kind of their domains, and what the disk must not map.
describe() {
  group=$(readlink -f /sys/block/vda/device/..)/iommu_group
  card=$(readlink -f /sys/class/net/eth0/device/..)/iommu_group
  tell "kernel=$(uname -r)"
  tell "domain=$(cat "$group/type")"
  tell "reserved=$(tr '\n' ';' <"$group/reserved_regions")"
  tell "serial=$(cat /sys/block/vda/serial)"
  tell "nic_domain=$(cat "$card/type")"
  [ "$(readlink -f "$group")" = "$(readlink -f "$card")" ] || tell "groups=own"
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

# Sends random bytes to itself, by way of the card: the mirror at the other end of the wire exchanges the
# addresses of every packet, so that who connects to 10.0.3.15 reaches the listener at 10.0.2.15.
network() {
  ifconfig eth0 10.0.2.15 netmask 255.0.0.0 up || return 1
  ping -c 3 -s 1400 10.0.3.15 >/dev/null || return 1
  [ -p /tmp/silence ] || mkfifo /tmp/silence
  exec 9<>/tmp/silence  # An end of its input would end the listener's connection.
  for round in $(seq "$(word rounds)"); do
    dd if=/dev/urandom of=/tmp/sent bs=1M count="$(word mib)" 2>/dev/null
    nc -l -p 7 <&9 >/tmp/got &
    listener=$!
    tries=0
    until nc 10.0.3.15 7 </tmp/sent 2>/dev/null; do
      tries=$((tries + 1))
      [ $tries -lt 20 ] || return 1
      sleep 0.2
    done
    wait $listener
    cmp /tmp/sent /tmp/got || return 1
    rm /tmp/sent /tmp/got
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
  verify) work='verify && network' ;;
  rebind) work='verify && rebind && rebind && verify && network' ;;
  reboot) work=again ;;
  shell) work='setsid -c sh -i' ;;
esac
if eval "$work"; then tell verified=yes; else tell verified=no; fi
tell done=yes
poweroff -f
