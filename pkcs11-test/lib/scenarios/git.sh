# shellcheck shell=bash
# git, with signatures of OpenSSH, and of gpgsm. What gpg signs for git is in gpg.sh.

# Makes the folder `repository`. Sets GIT, the start of a command line in it. Arguments: the settings of git.
make_git_repository() {
    local setting
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
    run git init --quiet repository
    GIT=(git -C repository -c user.name=demo -c user.email=demo@demo.example)
    for setting in "$@"; do
        GIT+=(-c "$setting")
    done
}

# git passes the public key to ssh-keygen, which finds the private key in the agent.
git_ssh() {
    start_ssh_agent
    SSH_ASKPASS=$PWD/askpass SSH_ASKPASS_REQUIRE=force signs 0 ssh-add -s "$MODULE"
    ssh_public_key >key.pub
    echo "demo@demo.example $(ssh_public_key)" >allowed-signers
    make_git_repository gpg.format=ssh "user.signingKey=$PWD/key.pub" "gpg.ssh.allowedSignersFile=$PWD/allowed-signers"
    signs 1 "${GIT[@]}" commit --quiet --allow-empty --gpg-sign --message signed
    signs 1 "${GIT[@]}" tag --sign --message signed v1
    run "${GIT[@]}" verify-commit HEAD &>said
    run "${GIT[@]}" verify-tag v1 &>>said
    says 2 '^Good "git" signature for demo@demo.example with (RSA|ECDSA) key '
}

# Writes what the header of the last commit has as its signature to commit.sig, and what is signed to commit.
split_commit() {
    run "${GIT[@]}" cat-file commit HEAD >signed-commit
    sed -n '/^gpgsig /,/^ -----END/ { s/^gpgsig //; s/^ //; p }' signed-commit >commit.sig
    sed '/^gpgsig /,/^ -----END/ d' signed-commit >commit
}

# gpgsm takes the certificates from the token, and the trust in the CA from a file. openssl verifies too, except what gpgsm 2.2 signed: it
# starts some signatures with a zero byte too many, which openssl rejects.
git_x509() {
    make_gnupg_home
    trust_certificate_authority
    signs 0 gpgsm --learn-card
    make_git_repository gpg.format=x509 "user.signingKey=0x$(fingerprint "$CERTIFICATE")"
    signs 1 "${GIT[@]}" commit --quiet --allow-empty --gpg-sign --message signed
    signs 1 "${GIT[@]}" tag --sign --message signed v1
    run "${GIT[@]}" verify-commit HEAD &>said
    run "${GIT[@]}" verify-tag v1 &>>said
    says 2 "^gpgsm: Good signature from .*/CN=Code Signing ${KEY/\// }/"
    is_gpg_2_4 || return 0
    split_commit
    sed 's/SIGNED MESSAGE/CMS/' commit.sig >signature.p7s
    run openssl cms -verify -CAfile "$CA" -purpose any -binary -inform PEM -in signature.p7s -content commit -out /dev/null
}

# Makes gpgsm trust the service's CA, which has no CRLs.
trust_certificate_authority() {
    echo "$(fingerprint "$CA") S relax" >"$GNUPGHOME/trustlist.txt"
    echo disable-crl-checks >"$GNUPGHOME/gpgsm.conf"
    run gpgsm --batch --import "$CA"
}

# Argument: the certificate.
fingerprint() { openssl x509 -in "$1" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g'; }
