# Processes that outlive the script, known by their numbers and when they began. Sourced.

# born PID: when a process began, which tells it from a later one with its number.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
running() { local p=$home/run/$1; [[ -s $p.pid && -s $p.born && $(born "$(<"$p.pid")") == "$(<"$p.born")" ]]; }

start() { # start NAME COMMAND...: in the background, in its own process group, unless it runs already
  local name=$1; shift
  running "$name" && return
  setsid "$@" >>"$home/log/$name.log" 2>&1 </dev/null &
  echo $! >"$home/run/$name.pid"
  born $! >"$home/run/$name.born" || true
}

wait_for() { # wait_for NAME COMMAND...
  local name=$1 i; shift
  for ((i = 0; i < 360; i++)); do
    "$@" >/dev/null 2>&1 && return
    running "$name" || break
    sleep 0.5
  done
  say "$name did not come up:"; tail -n 20 "$home/log/$name.log" >&2; return 1
}

http() { curl -s --noproxy '*' -o /dev/null "http://$IP:$1/"; }
py() { $PY -c "import sys; sys.argv[0] = '$1'; from $2 import main; sys.exit(main())" "${@:3}"; }      # a command, to its end
serve() { start "$1" $PY -c "import sys; sys.argv[0] = '$1'; from $2 import main; main()" "${@:3}"; }  # a daemon
wsgi() { # wsgi NAME PORT MODULE ENV [ARGS]
  start "$1" $CLEAN "$4" uwsgi --plugin python3 \
    --http-socket $IP:"$2" --module "$3" --pyargv "${5:-}" --master --lazy-apps --die-on-term --no-orphans --enable-threads \
    --processes 1 --threads 8 --buffer-size 65535 --post-buffering 65536 --add-header 'Connection: close' --procname-prefix "$1 "
}
db_sync() { # db_sync SERVICE COMMAND...: once
  [[ -e $home/$1/synced ]] || { "${@:2}" >>"$home/log/$1-sync.log" 2>&1 && touch "$home/$1/synced"; } || { tail "$home/log/$1-sync.log" >&2; return 1; }
}

stop() { # stop NAME: its whole process group
  local f=$home/run/$1.pid pid i
  [[ -s $f ]] || return 0
  pid=$(<"$f")
  [[ ! -e /proc/$pid ]] || running "$1" || { rm -f "$f"; return 0; }   # not ours
  kill -TERM -- -"$pid" 2>/dev/null || { rm -f "$f"; return 0; }
  for ((i = 0; i < 20; i++)); do kill -0 -- -"$pid" 2>/dev/null || break; sleep 0.25; done
  kill -KILL -- -"$pid" 2>/dev/null || true
  rm -f "$f"
}
names() { local f; for f in "$home"/run/*.pid; do [[ ! -e $f || $f == *.own.pid ]] || basename "$f" .pid; done; }
