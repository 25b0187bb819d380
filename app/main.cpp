#include <cstdio>

int main() {
  std::puts("cenote 0.1.0");
}
