// Package present shows people what programs get as JSON: tables that line up, amounts with their units, times told from
// now, and progress.
//
// Everything goes through a Screen, which knows whether it is a terminal. On one, colour underlines what the words say
// already, progress redraws its own lines and nothing else, and times are relative; elsewhere the same words come as
// plain lines. No line is made longer than the screen is wide where it can be wrapped.
package present
