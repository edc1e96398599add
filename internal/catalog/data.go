package catalog

import "w2s/internal/fetch"

// VaderSentiment is the name of the four sets of human-rated texts of Hutto and Gilbert (ICWSM 2014).
const VaderSentiment = "vader-sentiment-2.5"

// A dataset is pinned data that tasks read.
type dataset struct {
	artifact fetch.Artifact
	title    string
	licence  string
	files    map[string]string // file names in the artifact by the name that tasks give to Catalog.Path
	public   bool              // from a public repository; there are many of these
}

// datasets returns all pinned data.
func datasets() []dataset {
	all := []dataset{{
		title:   "tweets, movie and product review snippets and editorial snippets, each rated by 20 people",
		licence: "MIT",
		files: map[string]string{
			"vader-movies":     "movieReviewSnippets_GroundTruth.txt",
			"vader-tweets":     "tweets_GroundTruth.txt",
			"vader-amazon":     "amazonReviewSnippets_GroundTruth.txt",
			"vader-editorials": "nytEditorialSnippets_GroundTruth.txt",

			"vader-movies-ratings":     "movieReviewSnippets_anonDataRatings.txt",
			"vader-tweets-ratings":     "tweets_anonDataRatings.txt",
			"vader-amazon-ratings":     "amazonReviewSnippets_anonDataRatings.txt",
			"vader-editorials-ratings": "nytEditorialSnippets_anonDataRatings.txt",
		},
		artifact: fetch.Artifact{
			Name: VaderSentiment,
			Dir:  "data/" + VaderSentiment,
			Packages: []fetch.Package{{
				Registry: fetch.PyPI, Name: "vaderSentiment", Version: "2.5",
				Archive: "vaderSentiment-2.5.tar.gz",
				SHA256:  "b960c954831f5ca58afee61780cc04ed48e551b91e783bfcbfb2c18bb8081a84", Size: 2451781,
				Members: []fetch.Member{
					vader("amazonReviewSnippets_anonDataRatings.txt", "d7d909adab91e0b4d5084251fc825f15baff66277c52eaa705b40fc464fa274b", 322811),
					vader("amazonReviewSnippets_GroundTruth.txt", "11a9807a0974a2506a2d3b4851eaf69b3d6d20688ce4923adda2312a4f6dd6c2", 373157),
					vader("movieReviewSnippets_anonDataRatings.txt", "658a086bc7239b98b750baa232cab80e6447789020f96a6c847cc1248d7c82f4", 954033),
					vader("movieReviewSnippets_GroundTruth.txt", "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350", 1383098),
					vader("nytEditorialSnippets_anonDataRatings.txt", "803c87c5bb529334bb5ed5fca244aa935e5f342bc0a930d91a0f22e978ee39f2", 450054),
					vader("nytEditorialSnippets_GroundTruth.txt", "7d8fbcce7dde5d716da53e78f4ef4be6b706e9ef1e1d51887e6d0ad4b69cc27e", 607629),
					vader("tweets_anonDataRatings.txt", "390d6f8f1b5c7e6f9f94ad7fea1e461ed718312d1856ae71c5812ab8ae943fa6", 616147),
					vader("tweets_GroundTruth.txt", "dfbe7102e2f92579ed8b19df9a3822491880697c67adf712fb66e520cc05102f", 389886),
				},
			}},
		},
	}}
	for _, s := range publicSets() {
		all = append(all, s.dataset())
	}
	return all
}

// vader pins a file of the archive inside the package vaderSentiment.
func vader(name, sha256 string, size int64) fetch.Member {
	return fetch.Member{
		From: "vaderSentiment-2.5/additional_resources/hutto_ICWSM_2014.tar.gz!hutto_ICWSM_2014/" + name,
		Name: name, SHA256: sha256, Size: size,
	}
}
