#pragma once

#include <atomic>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace cenote::net {

/// What other threads ask of one thread. Any thread posts, one runs. No lock:
/// a stack that the consumer takes whole and turns round, so the tasks of one
/// producer run in the order of their posts.
class mailbox {
public:
  mailbox() = default;
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;

  /// Destroys what was never run. No `post` may be under way.
  ~mailbox() {
    for (auto* at = take(); at != nullptr;) {
      auto* next = at->next;
      delete at;
      at = next;
    }
  }

  /// Leaves `task` to the consumer. It runs once, or is destroyed unrun with
  /// the mailbox. Any thread. Returns true if nothing was waiting: the consumer
  /// may be asleep and must be woken.
  template <class Task>
  bool post(Task&& task) {
    using stored = std::decay_t<Task>;
    static_assert(std::is_nothrow_invocable_v<stored&>,
                  "a task is noexcept: nobody could catch what it throws");
    node* fresh = new task_node<stored>(std::forward<Task>(task));
    auto* head = head_.load(std::memory_order_relaxed);
    do {
      fresh->next = head;
    } while (!head_.compare_exchange_weak(
      head, fresh, std::memory_order_release, std::memory_order_relaxed));
    return head == nullptr;
  }

  /// Runs what was posted before the call; what tasks post runs next time.
  /// Consumer only. Returns how many ran.
  std::size_t run_all() noexcept {
    if (head_.load(std::memory_order_relaxed) == nullptr)
      return 0;
    std::size_t count = 0;
    for (auto* at = take(); at != nullptr; ++count) {
      auto* next = at->next;
      at->run();
      delete at;
      at = next;
    }
    return count;
  }

  /// Whether nothing waits. A guess unless the caller is the consumer.
  [[nodiscard]] bool empty() const noexcept {
    return head_.load(std::memory_order_acquire) == nullptr;
  }

private:
  struct node {
    virtual ~node() = default;
    virtual void run() noexcept = 0;
    node* next = nullptr;
  };

  template <class Task>
  struct task_node final : node {
    template <class Arg>
    explicit task_node(Arg&& arg)
      : task(std::forward<Arg>(arg)) {
      // nop
    }

    void run() noexcept override {
      task();
    }

    Task task;
  };

  /// All nodes, oldest first.
  node* take() noexcept {
    auto* at = head_.exchange(nullptr, std::memory_order_acquire);
    node* front = nullptr;
    while (at != nullptr) {
      auto* next = at->next;
      at->next = front;
      front = at;
      at = next;
    }
    return front;
  }

  std::atomic<node*> head_{nullptr};
};

} // namespace cenote::net
