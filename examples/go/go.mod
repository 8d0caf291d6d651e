module github.com/samekey/samekey/examples/go

go 1.19
