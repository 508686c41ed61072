// Package monitor is the agent that reads what resources use and do, and tells it to whoever asks.
//
// It asks every vendor for measurements from time to time and keeps the last readings in memory, a few of each resource:
// they are facts about now, and after a restart they are read again. A vendor that does not answer is silent, and what it
// told last stands until it answers again or the deployment is removed. Nothing is decided here yet.
package monitor
