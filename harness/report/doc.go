// Package report writes results as one HTML page that needs no network, no second file and no server. The page has the
// tables, the charts, the test examples on which heads disagree, and the commands, settings and digests that are needed to
// repeat the experiment.
//
// Names and texts come from users' files and from models. All of them pass through html/template, and the content security
// policy of the page allows no script but its own.
//
// A set of charts that plot.Sets draws has a section of its own on the page. page.html shows some of the sets together
// with a table; see page.charts.
package report
