#!/bin/sh
# boot.sh ROOT [inside]: run the systemd of a root folder as process 1 of namespaces of its own.
set -e
ROOT=$1
if [ "$2" != inside ]; then
    # a control group of its own, so that nothing of it is left: its name is what ROOT's parent is called
    mount -t cgroup2 cgroup2 "$ROOT/sys"
    own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    group=$ROOT/sys${own%/}/$(basename "$(dirname "$ROOT")")
    mkdir -p "$group"
    echo $$ >"$group/cgroup.procs"
    umount "$ROOT/sys"
    exec unshare --mount --pid --fork --uts --ipc --cgroup --kill-child --propagation private "$0" "$ROOT" inside
fi

mount --rbind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount -t sysfs -o ro sysfs "$ROOT/sys"
mount -t cgroup2 cgroup2 "$ROOT/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/run"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
for node in null zero full random urandom tty; do
    touch "$ROOT/dev/$node"
    mount --bind "/dev/$node" "$ROOT/dev/$node"
done
mkdir "$ROOT/dev/pts" "$ROOT/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$ROOT/dev/pts"
ln -s pts/ptmx "$ROOT/dev/ptmx"
ln -s /proc/self/fd "$ROOT/dev/fd"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/dev/shm"
hostname flowcoll-host
cd "$ROOT"
mkdir -p old
pivot_root . old
umount -l /old
mount --make-rshared / # as it is where systemd is not told that it is in a container
exec env -i container=flowcoll-tests PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target \
    --log-target=console --log-level=info --show-status=false
