// The header is used from C++ as well; this file only has to compile.
#include "vrbridge.h"

extern "C" int vrbridge_header_in_cplusplus() {
  vrb_client client;
  vrb_pose pose;
  return vrb_connect(&client, "/nonexistent") < 0 && vrb_at(&client, 0, vrb_now(), &pose) < 0;
}
