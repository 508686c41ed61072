module example.org/own-module

go 1.26.0

require github.com/cloud-agency/agency v0.0.0

replace github.com/cloud-agency/agency => ../..
