# A line in, its words out, each with a 1: in small letters, and nothing else counts as a letter.
tr -cs 'A-Za-z' '\n' | tr 'A-Z' 'a-z' | awk 'length { print $0 "\t1" }'
