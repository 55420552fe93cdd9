#!/bin/sh
# What a user does in a network namespace of their own: a switch, a server, a client, and a published port. $1: node, $2: ioth, $3: server, $4: folder
set -e
node=$1 command=$2 server=$3 lan=$4/lan
"$node" "$command" switch "$lan" & switch=$!
until [ -S "$lan/stream" ]; do sleep 0.05; done
"$node" "$command" run "$server" -a 10.40.0.32/24 -f "$lan" & app=$!
until "$node" "$command" nc -z -f "$lan" 10.40.0.32 80 2>/dev/null; do sleep 0.05; done
"$node" "$command" curl -f "$lan" http://10.40.0.32/
"$node" "$command" publish -f "$lan" 8080:10.40.0.32:80 & port=$!
until curl -sS --max-time 20 http://127.0.0.1:8080/ 2>/dev/null; do sleep 0.05; done
kill $port $app $switch
wait
echo all of it ran
