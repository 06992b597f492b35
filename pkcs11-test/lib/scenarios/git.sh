# shellcheck shell=bash
# git, with a signature of OpenSSH. What gpg signs for git is in gpg.sh.

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
