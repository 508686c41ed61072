package vendor

// index holds ids by something that they have in common, as those of the resources by their deployment: so that what is
// asked of one deployment takes no longer for all that others have.
type index map[string]map[string]struct{}

func (i index) add(common, id string) {
	if i[common] == nil {
		i[common] = map[string]struct{}{}
	}
	i[common][id] = struct{}{}
}

func (i index) remove(common, id string) {
	delete(i[common], id)
	if len(i[common]) == 0 {
		delete(i, common)
	}
}
