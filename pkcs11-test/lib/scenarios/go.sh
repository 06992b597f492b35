# shellcheck shell=bash
# Go, with crypto11 from Debian, which has it under its older name.

# Builds the program "sign" from sign.go.
build_crypto11() {
    sed --in-place 's#ThalesGroup#ThalesIgnite#' sign.go
    GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=${PROGRAMS%/*}/go run go build -o sign sign.go
}

# The program of the page, for an EC key.
go_crypto11() {
    cp "$INPUTS/long" file
    page_block docs/tools/go.md sign -e "s#app/release#$KEY#" >sign.go
    build_crypto11
    signs 1 ./sign
    mv file.sig signature
    verify_signature file sha256
}
