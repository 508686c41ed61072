package ptc_test

const crashVerb = "crash-host"

func crashHost([]string) int { return 0 }
