#!/usr/bin/env bash
# Sets up Slurm on a single machine to try w2s encode --slurm: a controller, one node, one partition, no accounting. Run it as
# root on a scratch machine or container with Debian or Ubuntu. It writes /etc/slurm/slurm.conf, and refuses to replace one
# that it did not write.
#
#   docs/scripts/slurm_single_node.sh          install, configure, start, and wait until the node takes jobs
#   docs/scripts/slurm_single_node.sh stop     stop the daemons
set -euo pipefail

conf=/etc/slurm/slurm.conf
mark="# single node for trying w2s"
run=/run/w2s-slurm
state=/var/spool/w2s-slurm

stop() {
	for name in slurmd slurmctld munged; do
		if [ -s "$run/$name.pid" ]; then
			kill "$(cat "$run/$name.pid")" 2>/dev/null || true
			rm -f "$run/$name.pid"
		fi
	done
}

if [ "$(id -u)" != 0 ]; then
	echo "slurm_single_node.sh: needs root" >&2
	exit 1
fi
if [ "${1:-}" = stop ]; then
	stop
	exit 0
fi
if [ -e "$conf" ] && ! grep -q "^$mark" "$conf"; then
	echo "slurm_single_node.sh: $conf exists and is not from this script; is this machine part of a cluster?" >&2
	exit 1
fi

if ! command -v slurmctld >/dev/null || ! command -v slurmd >/dev/null || ! command -v munged >/dev/null; then
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurm-wlm munge
fi

stop
host=$(hostname -s)
mkdir -p /etc/slurm "$state/ctld" "$state/d" "$run" /run/munge /var/log/munge /var/lib/munge
chown -R munge: /run/munge /var/log/munge /var/lib/munge /etc/munge
[ -s /etc/munge/munge.key ] || runuser -u munge -- sh -c 'umask 077; head -c 128 /dev/urandom >/etc/munge/munge.key'

# Processes are tracked by session, because containers often cannot create control groups.
cat >"$conf" <<CONF
$mark
ClusterName=single
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/d
SlurmctldPidFile=$run/slurmctld.pid
SlurmdPidFile=$run/slurmd.pid
SlurmctldLogFile=$run/slurmctld.log
SlurmdLogFile=$run/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
ReturnToService=2
MinJobAge=3600
KillWait=5
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF

runuser -u munge -- munged --force --pid-file=/run/munge/munged.pid
cp /run/munge/munged.pid "$run/munged.pid"
slurmctld
slurmd

for _ in $(seq 60); do
	if [ "$(sinfo --noheader --format=%t 2>/dev/null | head -1)" = idle ]; then
		sinfo
		exit 0
	fi
	sleep 1
done
echo "slurm_single_node.sh: the node does not start; logs are in $run" >&2
tail -n 20 "$run"/*.log >&2
exit 1
