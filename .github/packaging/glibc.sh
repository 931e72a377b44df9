#!/usr/bin/env bash
# glibc.sh PROGRAM VERSION: fails if PROGRAM wants a glibc newer than VERSION.
set -euo pipefail
needs=$(objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
echo "$1 needs $needs, and may need GLIBC_$2"
printf '%s\n' "$needs" "GLIBC_$2" | sort -VC
