// Package plot draws the rows of results as charts, in SVG and PNG, through gonum.org/v1/plot.
//
// Every chart names its units, says over how many test examples and seeds it is, and what its whiskers are. Series
// differ in colour and in the shape of their marks; the colours are told apart by colour-blind readers and stand out
// from a light and from a dark page. The same rows give the same bytes.
//
// [Gap], [Bars] and their like draw one chart each. [Sets] picks those that a result has data for and cuts what would be
// too much for one chart.
package plot
