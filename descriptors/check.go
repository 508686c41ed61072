package descriptors

import "errors"

// Check says what makes no sense in an application that was not read from a file here: a Faults whose places are
// unknown, or nil. Defaults may be filled in or not.
func (a Application) Check() error {
	application := a.WithDefaults()
	decoder := &decoder{positions: Positions{file: "application"}}
	judge := newJudge(decoder, "resources", a.Resources, application.Resources)
	judge.closed = true
	judge.application(a, application)
	return judge.err()
}

// CheckName says what is wrong with the name of a deployment, an application or a class.
func CheckName(name string) error {
	if !isName(name) {
		return errors.New(notName(name))
	}
	return nil
}
