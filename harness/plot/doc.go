// Package plot draws the rows of results as charts, in SVG and PNG, with gonum.org/v1/plot.
//
// Every chart names its units. Its notes state how many test examples and seeds it covers and what its whiskers are.
// Series differ in colour and in the shape of their marks. The colours stand out from a light and from a dark page, and
// colour-blind readers can tell the first four apart. The same rows give the same bytes.
//
// [Gap], [Bars] and the other functions that return a [Chart] draw one chart each. [GapSet], [BarSet] and the like draw
// all charts that answer one question. [Sets] draws every set that there is data for.
//
// A new chart is a function that returns a Chart and a function that returns a [Set] of such charts. A line in Sets puts
// the set on the page of package report, and a line in study.All gives it to a study.
package plot
