# Kills a command that is not the machine's own, with all that it started: kill TOKEN.

pid=$(cat "/.agency/visits/$1") && kill -KILL "-$pid" 2>/dev/null
rm -f "/.agency/visits/$1"
