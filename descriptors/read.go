package descriptors

import "io/fs"

// ReadApplication reads an application from YAML or JSON and fills in its defaults. The error is a Faults that holds
// everything wrong with it: what cannot be read and what makes no sense. Files that it names are not looked at.
func ReadApplication(file string, source []byte) (Application, error) {
	return ReadApplicationBeside(nil, file, source)
}

// ReadApplicationBeside is ReadApplication for a descriptor that lies in a directory. The keys that lie there too are in
// what is read, in the place of the names of their files.
func ReadApplicationBeside(directory fs.FS, file string, source []byte) (Application, error) {
	var given Application
	decoder := decodeSource(file, source, &given)
	application := given.WithDefaults()
	judge := newJudge(decoder, "resources", given.Resources, application.Resources)
	judge.directory = directory
	judge.application(given, application)
	if err := judge.err(); err != nil {
		return Application{}, err
	}
	return application, nil
}

// ReadCall is ReadApplication for a call for proposals.
func ReadCall(file string, source []byte) (CallForProposals, error) {
	var given CallForProposals
	decoder := decodeSource(file, source, &given)
	call := given.WithDefaults()
	judge := newJudge(decoder, "classes", given.Classes, call.Classes)
	judge.call(call)
	if err := judge.err(); err != nil {
		return CallForProposals{}, err
	}
	return call, nil
}

// ReadDeployment is ReadApplication for a deployment.
func ReadDeployment(file string, source []byte) (Deployment, error) {
	var given Deployment
	decoder := decodeSource(file, source, &given)
	deployment := given.WithDefaults()
	judge := newJudge(decoder, "resources", given.Classes(), deployment.Classes())
	judge.closed = true
	judge.deployment(given, deployment)
	if err := judge.err(); err != nil {
		return Deployment{}, err
	}
	return deployment, nil
}

// decodeSource is DecodeBytes for those who go on to judge what was decoded.
func decodeSource(file string, source []byte, into any) *decoder {
	node, fault := parse(source)
	if fault != nil {
		fault.File = file
		// Nothing can be said of the content: the whole file is spoiled.
		return &decoder{positions: Positions{file: file}, faults: Faults{*fault}, spoiled: map[string]bool{"": true}}
	}
	return decode(file, "", node, into)
}
