#!/bin/sh
# Obeys signals as the agent does, so that the tests of its keeper need no agent.
case "$MOOD" in
broken)
    echo 'zone "gim" does not exist' >&2
    exit 1
    ;;
stubborn) trap 'exit 3' TERM ;;
*) trap 'echo drained; exit 0' TERM ;;
esac
trap 'echo "reads its configuration" >&2' HUP
echo "varco starting"
echo "varco ready console=http://127.0.0.1:9 store=/nowhere/varco.db"
while :; do sleep 0.02; done
