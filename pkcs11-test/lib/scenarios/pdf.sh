# shellcheck shell=bash
# PDF documents, with pyHanko. It needs another version of python-pkcs11 than the newest.

prepare_pyhanko() {
    python_environment pyhanko requirements-pyhanko.txt
    PATH=$ENVIRONMENT/bin:$PATH
}

# Makes file.pdf, with one empty page.
make_pdf() {
    local table
    printf '%s\n' '%PDF-1.7' '1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj' '2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj' \
        '3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 200 200]>> endobj' >file.pdf
    table=$(stat --format %s file.pdf)
    {
        printf 'xref\n0 4\n0000000000 65535 f \n'
        grep --text --byte-offset --only-matching '[123] 0 obj' file.pdf | cut -d : -f 1 | xargs printf '%010d 00000 n \n'
        printf 'trailer <</Size 4 /Root 1 0 R>>\nstartxref\n%s\n%%%%EOF\n' "$table"
    } >trailer
    cat trailer >>file.pdf
}

pyhanko_pdf() {
    prepare_pyhanko
    make_pdf
    cp "$CA" ca.pem
    page_block docs/tools/pyhanko.md configuration -e "s#app/release#$KEY#" >pyhanko.yml
    signs 1 pyhanko sign addsig --field Signature pkcs11 --p11-setup signpath file.pdf signed.pdf
    verify_pdf signed.pdf
}

# pdfsig verifies with NSS, pyHanko also the chain up to the service's CA. Argument: the document.
verify_pdf() {
    run pdfsig -nocert "$1" >said
    says 1 "Signer Certificate Common Name: Code Signing ${KEY/\// }\$"
    says 1 'Signature Validation: Signature is Valid\.$'
    says 1 'Total document signed$'
    run pyhanko sign validate --pretty-print --validation-context signpath "$1" >said
    says 1 '^The signature is judged VALID\.$'
}
