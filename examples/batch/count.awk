# Adds up the values of each key. The lines of a key come one after the other.
BEGIN { FS = OFS = "\t" }
$1 != key { if (NR > 1) print key, sum; key = $1; sum = 0 }
{ sum += $2 }
END { if (NR) print key, sum }
