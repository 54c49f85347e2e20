#!/bin/busybox sh
# The first and only program of the guest. Tells the host what it sees in lines that begin with VIOLET,
# then does what violet.job= on the kernel's command line says.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmpfs /tmp
dmesg -n 1  # A message of the kernel in the middle of a line that is told would be part of it.
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm

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

# Bytes of a PCI function's configuration space: one number of $3 bytes at $2.
config_of() {
  od -A n -t "u$3" -j "$2" -N "$3" "$1/config" | tr -d ' '
}

# What the IOMMU's own configuration says from byte 40 on, as words: who is behind it. The driver shows none of it, so
# it is read through the window that virtio-pci has in PCI's configuration space (VIRTIO 1.2, section 4.1.4.9).
describe_topology() {
  for pci in /sys/bus/pci/devices/*; do
    [ "$(cat "$pci/device")" = 0x1057 ] || continue
    at=$(config_of "$pci" 52 1)
    while [ "$at" != 0 ]; do
      case $(config_of "$pci" "$at" 1):$(config_of "$pci" $((at + 3)) 1) in
        9:4) configuration=$(config_of "$pci" $((at + 8)) 4) ;;
        9:5) window=$at ;;
      esac
      at=$(config_of "$pci" $((at + 1)) 1)
    done
    words=
    for i in $(seq 0 9); do
      printf "$(printf '%08x' $((configuration + 40 + 4 * i)) | sed 's/\(..\)\(..\)\(..\)\(..\)/\\x\4\\x\3\\x\2\\x\1/')" |
        dd of="$pci/config" bs=4 seek=$(((window + 8) / 4)) conv=notrunc 2>/dev/null
      printf '\004\000\000\000' | dd of="$pci/config" bs=4 seek=$(((window + 12) / 4)) conv=notrunc 2>/dev/null
      words="$words $(config_of "$pci" $((window + 16)) 4)"
    done
    tell "topology=$words"
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

# The mirror at the other end of the wire exchanges the addresses of every packet, so that who connects to 10.0.3.15
# reaches the listener at 10.0.2.15. At the other end of a tap is the host, at 10.0.2.1, where port 7 echoes.
network_up() {
  case $(word wire) in
    tap) other=10.0.2.1 ;;
    *) other=10.0.3.15 ;;
  esac
  ifconfig lo up
  ifconfig eth0 10.0.2.15 netmask 255.0.0.0 up
}

# Sends /tmp/sent to itself, by way of the card.
to_itself() {
  [ -p /tmp/silence ] || mkfifo /tmp/silence
  exec 9<>/tmp/silence  # An end of its input would end the listener's connection.
  nc -l -p 7 <&9 >/tmp/got &
  listener=$!
  tries=0
  until nc "$other" 7 </tmp/sent 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 20 ] || return 1
    sleep 0.2
  done
  wait $listener
}

# Random bytes to the other end and back, compared.
network() {
  network_up || return 1
  ping -c 3 -s 1400 "$other" >/dev/null || return 1
  for round in $(seq "$(word rounds)"); do
    dd if=/dev/urandom of=/tmp/sent bs=1M count="$(word mib)" 2>/dev/null
    case $(word wire) in
      tap) nc "$other" 7 </tmp/sent >/tmp/got || return 1 ;;
      *) to_itself || return 1 ;;
    esac
    cmp /tmp/sent /tmp/got || return 1
    rm /tmp/sent /tmp/got
  done
}

# A field of fio's terse output, version 3: 8 and 49 are I/Os per second read and written, 16 and 57 their mean
# completion latency in us.
field() {
  cut -d ';' -f "$1" /tmp/fio
}

on_disk() {
  fio --name=disk --filename=/dev/vda --direct=1 --bs=4k --thread --output-format=terse --terse-version=3 \
    "$@" >/tmp/fio 2>/tmp/fio-errors || { head -5 /tmp/fio-errors; return 1; }
}

# Random reads one at a time and many at a time, for as long as violet.seconds= says.
disk_speed() {
  on_disk --rw=randread --ioengine=psync --time_based --runtime="$(word seconds)" || return 1
  tell fio_read_qd1_iops="$(field 8)"
  tell fio_read_qd1_us="$(field 16)"
  on_disk --rw=randread --ioengine=libaio --iodepth=16 --time_based --runtime="$(word seconds)" || return 1
  tell fio_read_qd16_iops="$(field 8)"
  on_disk --rw=randwrite --ioengine=libaio --iodepth=16 --time_based --runtime="$(word seconds)" || return 1
  tell fio_write_qd16_iops="$(field 49)"
}

# Blocks of 4 KiB at random, each written with its checksum and read back, violet.rounds= times over the disk.
disk_soak() {
  on_disk --rw=randwrite --ioengine=libaio --iodepth=16 --verify=crc32c --verify_fatal=1 --loops="$(word rounds)"
}

# TCP to itself over the card, or to an iperf3 server of the host.
network_speed() {
  network_up
  [ "$(word wire)" = tap ] || iperf3 -s -1 -B 10.0.2.15 >/dev/null &
  tries=0
  until iperf3 -c "$other" -t "$(word seconds)" -f m >/tmp/iperf 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 10 ] || { cat /tmp/iperf; return 1; }
    sleep 0.3
  done
  tell iperf3_mbit_s="$(sed -n 's/.* \([0-9.]*\) Mbits.sec.*receiver.*/\1/p' /tmp/iperf)"
}

# The kernel's own benchmark: takes the card's function from its driver and maps for it. One line a measurement:
# mean and deviation of map and unmap in us, for each of violet.rounds=.
map_benchmark() {
  pci=/sys/bus/pci/devices/$(basename "$(readlink -f /sys/class/net/eth0/device/..)")
  basename "$pci" >/sys/bus/pci/drivers/virtio-pci/unbind
  echo dma_map_benchmark >"$pci/driver_override"
  basename "$pci" >/sys/bus/pci/drivers_probe
  mount -t debugfs debugfs /sys/kernel/debug
  [ -e /sys/kernel/debug/dma_map_benchmark ] || return 1
  for round in $(seq "$(word rounds)"); do
    dma_map_benchmark -t 1 -s 1 -d 1 >/tmp/bench || return 1
    tell "map_us_$round=$(sed -n 's/.*average map latency(us):\([0-9.]*\) .*/\1/p' /tmp/bench)"
    tell "unmap_us_$round=$(sed -n 's/.*average unmap latency(us):\([0-9.]*\) .*/\1/p' /tmp/bench)"
  done
}

# The host makes the disk touch what is mapped for nobody, and each endpoint what is mapped for the other alone; what
# it was able to do it says itself. Here the kernel must have heard of it.
isolate() {
  network_up
  tell want=intrusion
  tries=0
  until dmesg | grep -q 'page fault from EP .* at 0xdead0000'; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || return 1
    sleep 0.1
  done
  tell "kernel_says=$(dmesg | sed -n 's/.*\(page fault from EP .* at 0xdead0000.*\)/\1/p' | head -1)"
  verify
}

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

describe_iommu
[ -b /dev/vda ] && describe
[ "$(word topology)" != 1 ] || describe_topology
case $(word job) in
  verify) work='verify && network' ;;
  rebind) work='verify && rebind && rebind && verify && network' ;;
  reboot) work=again ;;
  boot) work=true ;;
  fio) work=disk_speed ;;
  iperf3) work=network_speed ;;
  mapbench) work=map_benchmark ;;
  soak) work='disk_soak && network' ;;
  isolate) work='isolate && network' ;;
  shell) work='setsid -c sh -i' ;;
esac
tell work=begins
if eval "$work"; then result=yes; else result=no; fi
tell work=over
if [ $result = yes ]; then tell verified=yes; else tell verified=no; fi
tell done=yes
poweroff -f
