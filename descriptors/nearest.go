package descriptors

import "strings"

// maxCompared is the length from which on names are not compared: the effort grows with its square.
const maxCompared = 64

// Nearest finds the candidate that a name was most likely meant to be, for messages; false if none is like it.
func Nearest(name string, candidates []string) (string, bool) { return nearest(name, candidates) }

// nearest finds the candidate that a name was most likely meant to be: the one that the fewest mistakes of typing
// (a letter left out, added, changed, or two swapped) make into it. About a third of the letters may be wrong.
func nearest(name string, candidates []string) (string, bool) {
	best, fewest := "", len(name)
	for _, candidate := range candidates {
		allowed := (max(len(name), len(candidate)) + 2) / 3
		mistakes := distance(name, candidate)
		if mistakes > allowed && len(name) >= 3 && strings.HasPrefix(candidate, name) {
			mistakes = allowed // an abbreviation
		}
		if mistakes <= allowed && (best == "" || mistakes < fewest) {
			best, fewest = candidate, mistakes
		}
	}
	return best, best != ""
}

// distance is the optimal string alignment distance, in bytes.
func distance(from, to string) int {
	if len(from) > maxCompared || len(to) > maxCompared {
		return max(len(from), len(to))
	}
	var before, last []int
	row := make([]int, len(to)+1)
	for column := range row {
		row[column] = column
	}
	for i := 1; i <= len(from); i++ {
		before, last, row = last, row, make([]int, len(to)+1)
		row[0] = i
		for j := 1; j <= len(to); j++ {
			changed := last[j-1]
			if from[i-1] != to[j-1] {
				changed++
			}
			row[j] = min(last[j]+1, row[j-1]+1, changed)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(to)]
}
