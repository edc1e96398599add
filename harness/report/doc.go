// Package report writes results as one HTML page that needs nothing else: no network, no second file, no server. It
// holds the tables, the charts, the test examples on which heads disagree, and what one needs to do it all again.
//
// Names and texts come from users' files and from models; all of them pass through html/template, and the page's own
// security policy runs no script but the page's.
package report
