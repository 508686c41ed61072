# Keeps a machine's commands running, as the first process of its container.

. /.agency/environment

# keep FILE NUMBER: runs a command, and again whenever it ends, at first soon and then later and later.
keep() {
  pause=1
  while :; do
    /bin/sh "$1"
    echo "command $2 ended with exit status $?, and is started again in $pause s" >&2
    sleep "$pause"
    if [ "$pause" -lt 30 ]; then pause=$((pause * 2)); fi
  done
}

# end: asks every process of the machine to end, and gives way when they have.
end() {
  trap '' TERM
  kill -TERM -1 2>/dev/null
  wait
  exit 0
}
trap end TERM INT

number=0
for command in /.agency/commands/*; do
  [ -f "$command" ] || continue
  number=$((number + 1))
  keep "$command" "$number" &
done

# The first process stays until it is told to end, also where nothing is to be run.
while :; do
  sleep 86400 &
  wait $!
done
