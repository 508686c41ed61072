// Package catalogue is what a cloud sells, and how a resource class finds it there.
//
// A module lists the cloud's sizes as Flavors and its images as Images, keeps both in a Cache, and embeds Terms in its
// configuration: where the cloud is, what it costs where the cloud does not say, and what is promised. A class then finds
// the cheapest flavor that it fits and the newest image of the name it uses; where it finds none, the sla.Refusal says
// what would have been found. All of it is the same for every cloud, so that no module decides it anew.
package catalogue
