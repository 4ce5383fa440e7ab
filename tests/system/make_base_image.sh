#!/usr/bin/env bash
# Make a stand-in for the official python:3.12-slim where no container registry can be reached: a
# minimal Debian from this machine's mirror, and the CPython 3.12 that pyenv has here in /usr/local.
# This machine's certificates and package index settings go in too, so that builds reach what it can.
# usage: make_base_image.sh FOLDER     writes FOLDER/rootfs.tar; the folder is for scratch
# shellcheck disable=SC2016  # what is quoted is for other programs to expand
set -euo pipefail
folder=${1:?folder}
python=$(find "${PYENV_ROOT:-$HOME/.pyenv}/versions" -maxdepth 1 -name '3.12.*' | sort -V | tail -n 1)
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
mkdir -p "$folder/extra/etc/ssl/certs"

packages=ca-certificates,libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,libsqlite3-0
packages+=,libssl3,libuuid1,netbase,tzdata,zlib1g

tar -C "$python" -cf "$folder/python.tar" \
    --exclude='__pycache__' --exclude='test' --exclude='tests' --exclude='idlelib' \
    --exclude='tkinter' --exclude='turtledemo' --exclude='config-3*' --exclude='*.a' \
    --exclude='site-packages/*' --exclude='bin/pip*' --exclude='bin/idle*' \
    --exclude='bin/2to3*' --exclude='bin/pydoc*' --exclude='bin/*-config' \
    bin include lib

{
    echo '[global]'
    echo 'cert = /etc/ssl/certs/ca-certificates.crt'
    for key in index-url trusted-host; do
        value=$(pip config get "global.$key" 2> /dev/null || true)
        [ -z "$value" ] || echo "$key = $value"
    done
} > "$folder/extra/etc/pip.conf"
certificates=$(pip config get global.cert 2> /dev/null || echo /etc/ssl/certs/ca-certificates.crt)
cp --dereference "$certificates" "$folder/extra/etc/ssl/certs/ca-certificates.crt"

mmdebstrap --quiet --variant=minbase --mode=root --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="tar -C \"\$1/usr/local\" --no-same-owner -xf '$folder/python.tar'" \
    --customize-hook="cp -r '$folder/extra/.' \"\$1\"" \
    --customize-hook='chroot "$1" sh -c "ldconfig \
        && ln -sf python3.12 /usr/local/bin/python3 && ln -sf python3.12 /usr/local/bin/python \
        && python3.12 -m ensurepip --default-pip > /dev/null 2>&1 \
        && rm -rf ~/.cache /var/cache/apt/* /var/lib/apt/lists/*"' \
    --format=tar bookworm "$folder/rootfs.tar" "$mirror"
