package mapreduce

// Sorted are lines as a sorter with little memory puts them in order, and how many files it needed.
func Sorted(directory string, limit int, lines []string) (sorted []string, files int, err error) {
	s := &sorter{directory: directory, limit: limit}
	for _, line := range lines {
		if err := s.add(0, []byte(line)); err != nil {
			return nil, 0, err
		}
	}
	err = s.each(func(one sortable) error {
		sorted = append(sorted, string(one.line))
		return nil
	})
	return sorted, len(s.runs), err
}

// Splits are the stretches that an input is divided into, as file, start and end.
func Splits(directory string, size int64) (files []string, bounds [][2]int64, err error) {
	splits, err := findSplits(directory, size)
	for _, one := range splits {
		files, bounds = append(files, one.File), append(bounds, [2]int64{one.Start, one.End})
	}
	return files, bounds, err
}
