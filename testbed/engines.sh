# What the testbeds of container engines share: packages, processes, and the traces that an engine leaves on its host.
# Sourced; $home is the engine's directory.

# install_packages NAME...: those that are missing, without starting any service of theirs.
install_packages() {
  dpkg -s "$@" >/dev/null 2>&1 && return
  local policy=/usr/sbin/policy-rc.d apt="apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=600"
  (
    [[ -e $policy ]] || { trap 'rm -f $policy' EXIT; printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; }
    export DEBIAN_FRONTEND=noninteractive
    $apt install "$@" || { $apt update && $apt install "$@"; }
  ) >&2
}

# alive PIDFILE PROGRAM: whether the process of a pidfile is that program.
alive() { [[ -s $1 && $(cat "/proc/$(<"$1")/comm" 2>/dev/null) == "$2" ]]; }

# wait_for WHAT LOG COMMAND...: until the command succeeds, for up to a minute.
wait_for() {
  local what=$1 log=$2 i
  shift 2
  for ((i = 0; i < 300; i++)); do
    "$@" && return
    sleep 0.2
  done
  echo "$what did not come up:" >&2
  tail -n 20 "$log" >&2
  return 1
}

# stop PIDFILE PROGRAM: ends the process, and returns when it has ended.
stop() {
  local i
  alive "$@" || return 0
  kill "$(<"$1")"
  for ((i = 0; i < 150; i++)); do
    alive "$@" || return 0
    sleep 0.2
  done
  kill -9 "$(<"$1")"
}

unmount_below() {
  awk -v home="$1/" 'index($5, home) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l
}

# remove_bridges PATTERN: those whose whole name matches.
remove_bridges() {
  local bridge
  for bridge in /sys/class/net/*/bridge; do
    bridge=$(basename "$(dirname "$bridge")")
    if [[ $bridge =~ ^($1)$ ]]; then ip link delete "$bridge"; fi
  done
}

# What engines change of the host's network is noted by the first that starts and put back by the last that stops: the
# second would note what the first had made of it.
remember_network() {
  local network=${home%/*}/network
  mkdir -p "$network/users"
  [[ -e $network/policy ]] || {
    cat /proc/sys/net/ipv4/ip_forward >"$network/forwarding"
    iptables -S FORWARD | sed -n 's/^-P FORWARD //p' >"$network/policy"
  }
  touch "$network/users/${home##*/}"
}

# drop_rules TOOL PATTERN: takes away the rules and chains that match.
drop_rules() { "$1-save" | { grep -vE -- "$2" || true; } | "$1-restore"; }

# forget_network PATTERN: takes away the rules and chains that match, and puts back what was noted when no engine is left.
forget_network() {
  local network=${home%/*}/network
  [[ -e $network/users/${home##*/} ]] || return 0
  drop_rules iptables "$1"
  rm "$network/users/${home##*/}"
  [[ -z $(ls "$network/users") ]] || return 0
  iptables -P FORWARD "$(<"$network/policy")"
  cat "$network/forwarding" >/proc/sys/net/ipv4/ip_forward
  rm -r "$network"
}

# shell_image is the archive of an image with a POSIX shell and the usual programs: Debian's static busybox.
shell_image() {
  local root
  root=$(mktemp -d)
  mkdir -p "$root"/{bin,etc,root,tmp,var}
  cp /bin/busybox "$root/bin/busybox"
  local name
  for name in $(/bin/busybox --list); do
    [[ $name == busybox ]] || ln -s busybox "$root/bin/$name"
  done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  tar -C "$root" -c .
  rm -rf "$root"
}
