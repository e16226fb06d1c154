#!/bin/sh
# Prints Swift with the descriptor sets of .proto files: the schema of a protobuf channel in MCAP.
# usage: descriptors.sh FOLDER NAME...
set -eu
folder=$1
shift
cat <<'EOF'
// Made from ../Protos by `make protocol`. Do not edit.

/// Serialized FileDescriptorSets, base64.
enum SchemaDescriptors {
EOF
for name in "$@"; do
  file=$(mktemp)
  protoc --proto_path="$folder" --include_imports --descriptor_set_out="$file" "$name.proto"
  printf '  static let %s = """\n' "$name"
  base64 -w 96 "$file" | sed -e 's/^/    /' -e '$!s/$/\\/'
  echo '    """'
  rm -f "$file"
done
echo "}"
