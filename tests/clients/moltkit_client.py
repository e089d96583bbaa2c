"""Drives two nodes with PyPI's `moltkit`, a client that none of us wrote.

Usage: moltkit_client.py BASE_URL_A BASE_URL_B

Agents register, post, comment, vote, follow, search and read on node A; the same is then read on node B, which must
show it with the same ids, texts, times and counts. Each step is printed. Exit code 1 on the first mismatch.
"""

from __future__ import annotations

import dataclasses
import secrets
import sys
import time

from moltkit import MoltenClient
from moltkit.errors import ApiError, AuthenticationError, NotFoundError

# How long node B may take to show what node A acknowledged. Gossip takes milliseconds, a lost frame one round of
# anti-entropy (30 s).
DEADLINE_S = 60
POLL_S = 0.1

TITLE = "Low tide at six: ünïcödé, <b>markup</b> & \"quotes\" 🌊"
CONTENT = "First line.\nSecond line with a tab\tand a backslash \\.\n\n" + "Long text. " * 500


class Mismatch(Exception):
    """What was seen is not what was expected."""


def step(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def expect(what: str, seen, expected) -> None:
    if seen != expected:
        raise Mismatch(f"{what}: saw {seen!r}, expected {expected!r}")


def expect_error(what: str, kind: type[Exception], call) -> Exception:
    try:
        seen = call()
    except kind as error:
        step(f"  {what}: refused as expected: {error}")
        return error
    raise Mismatch(f"{what}: expected {kind.__name__}, got {seen!r}")


def eventually(what: str, read, expected) -> None:
    """Reads until it sees what it expects; after the deadline says what it saw last."""
    started = time.monotonic()
    while True:
        try:
            seen = read()
        except (NotFoundError, ApiError) as error:
            seen = error
        if seen == expected:
            step(f"  {what}: the same after {time.monotonic() - started:.2f} s")
            return
        if time.monotonic() - started > DEADLINE_S:
            raise Mismatch(f"{what}: after {DEADLINE_S} s still saw {seen!r}, expected {expected!r}")
        time.sleep(POLL_S)


def client(base: str, key: str) -> MoltenClient:
    return MoltenClient(api_key=key, base_url=f"{base.rstrip('/')}/api/v1", timeout=30)


def register(base: str, prefix: str) -> tuple[MoltenClient, str, str]:
    """moltkit cannot register and sends no request without a key, so its low-level call carries one that is none."""
    name = f"{prefix}_{secrets.token_hex(4)}"
    answer = client(base, "moltbook_none_yet")._post(
        "/agents/register", json_body={"name": name, "description": f"{prefix} of a test"}
    )
    agent = answer["agent"]
    expect("success", answer["success"], True)
    expect("name", agent["name"], name)
    for field in ("api_key", "claim_url", "verification_code", "id", "created_at"):
        if not agent.get(field):
            raise Mismatch(f"registration has no {field}: {sorted(agent)}")
    expect("the key's prefix", agent["api_key"][:9], "moltbook_")
    step(f"registered {name} on {base}: {agent['id']}")
    return client(base, agent["api_key"]), name, agent["id"]


def tree(comments) -> list:
    """What must be equal on every node, of a tree of comments in any order of siblings."""
    rows = []
    for comment in comments:
        row = dataclasses.asdict(comment)
        row["replies"] = tree(comment.replies)
        rows.append(row)
    return sorted(rows, key=lambda row: row["id"])


def write_on(base: str):
    writer, writer_name, writer_id = register(base, "writer")
    reader, reader_name, _ = register(base, "voter")

    me = writer.get_my_profile()
    expect("my name", me.name, writer_name)
    expect("my id", me.id, writer_id)

    answer = writer.create_post("general", TITLE, CONTENT, url="https://example.org/tide?a=1&b=2")
    expect("success", answer["success"], True)
    post_id = answer["post"]["id"]
    step(f"posted {post_id}")

    comment = reader.create_comment(post_id, "I saw it too")["comment"]
    reply = writer.create_comment(post_id, "Then we are two", parent_id=comment["id"])["comment"]
    expect("the reply's parent", reply["parent_id"], comment["id"])
    step(f"commented {comment['id']} and answered {reply['id']}")

    expect("a vote up", reader.upvote_post(post_id)["action"], "upvoted")
    expect("the other vote", reader.downvote_post(post_id)["action"], "changed")
    expect("the same vote again", reader.downvote_post(post_id)["action"], "removed")
    expect("a vote up", reader.upvote_post(post_id)["action"], "upvoted")
    expect("a vote on a comment", writer.upvote_comment(comment["id"])["action"], "upvoted")
    step("voted")

    expect("follow", reader.follow(writer_name)["action"], "followed")
    expect("follow again", reader.follow(writer_name)["action"], "already_following")
    expect("unfollow", reader.unfollow(writer_name)["action"], "unfollowed")
    expect("follow", reader.follow(writer_name)["action"], "followed")
    step("followed")

    error = expect_error("a vote on one's own post", ApiError, lambda: writer.upvote_post(post_id))
    expect("its status", error.status_code, 400)
    expect_error("a comment without text", ApiError, lambda: writer.create_comment(post_id, ""))
    expect_error("a post that is none", NotFoundError, lambda: writer.get_post("6e0f0b0e-0000-4000-8000-000000000000"))
    expect_error("an agent that is none", NotFoundError, lambda: writer.get_agent("nobody_of_that_name"))
    expect_error("a key that is none", AuthenticationError, lambda: client(base, "moltbook_sk_wrong").get_me())
    return writer, writer_name, writer_id, reader, reader_name, post_id


def read(moltkit: MoltenClient, post_id: str, writer_id: str) -> dict:
    """Everything that the two nodes must show alike."""
    post = moltkit.get_post(post_id)
    comments = moltkit.list_comments(post_id, sort="old").items
    writer = moltkit.get_agent(writer_id)
    return {
        "post": dataclasses.asdict(post),
        "comments": tree(comments),
        "writer": {
            "id": writer.id,
            "name": writer.name,
            "description": writer.description,
            "karma": writer.karma,
            "followers": writer.follower_count,
            "posts": writer.posts_count,
            "comments": writer.comments_count,
            "created_at": writer.created_at,
        },
    }


def lists_show(moltkit: MoltenClient, post_id: str) -> dict:
    """Whether each list of posts shows it."""
    pages = {f"posts by {sort}": moltkit.list_posts(sort=sort, limit=100) for sort in ("hot", "new", "top", "rising")}
    pages["posts of general"] = moltkit.list_posts(sort="new", limit=100, submolt="general")
    pages["feed"] = moltkit.get_feed(sort="new", limit=100)
    return {name: any(post.id == post_id for post in page.items) for name, page in pages.items()}


def found(moltkit: MoltenClient, post_id: str, name: str) -> dict:
    return {
        "posts": any(post.id == post_id for post in moltkit.search_posts("Low tide at six", limit=50)),
        "all": any(post.id == post_id for post in moltkit.search("low TIDE at six", limit=50)),
        "comments": any(comment.post_id == post_id for comment in moltkit.search_comments("saw it too", limit=50)),
        "agents": any(agent.name == name for agent in moltkit.search_agents(name, limit=50)),
    }


def run(a: str, b: str) -> None:
    writer, writer_name, writer_id, reader, _, post_id = write_on(a)
    on_b, _, _ = register(b, "reader")

    expected = read(writer, post_id, writer_id)
    post = expected["post"]
    expect("the title", post["title"], TITLE)
    expect("the content", post["content"], CONTENT)
    expect("the community", post["submolt_name"], "general")
    expect("the author", post["author_id"], writer_id)
    expect("the votes", (post["upvotes"], post["downvotes"]), (1, 0))
    expect("the comments", post["comment_count"], 2)
    expect("roots", len(expected["comments"]), 1)
    expect("answers", len(expected["comments"][0]["replies"]), 1)
    step("read on A")
    every = {name: True for name in lists_show(writer, post_id)}
    expect("lists on A", lists_show(writer, post_id), every)
    expect("search on A", found(writer, post_id, writer_name), {name: True for name in ("posts", "all", "comments", "agents")})
    home = reader.get_home()
    expect("the dashboard's name", home.name != "", True)
    submolts = {submolt.name for submolt in writer.list_submolts().items}
    expect("general is a community", "general" in submolts, True)
    step("lists, search and dashboard on A")

    step("reading on B")
    eventually("post, comments and author", lambda: read(on_b, post_id, writer_id), expected)
    eventually("every list", lambda: lists_show(on_b, post_id), every)
    eventually("search", lambda: all(found(on_b, post_id, writer_name).values()), True)

    answer = on_b.create_comment(post_id, "Read and answered from another node")["comment"]
    expect("a vote from another node", on_b.upvote_post(post_id)["action"], "upvoted")
    step(f"commented on B: {answer['id']}")
    eventually(
        "the comment and the vote of B, read on A",
        lambda: (writer.get_post(post_id).comment_count, writer.get_post(post_id).upvotes),
        (3, 2),
    )

    writer.delete_post(post_id)
    step("deleted on A")

    def is_gone() -> bool:
        try:
            return on_b.get_post(post_id).is_deleted
        except NotFoundError:
            return True

    eventually("the deletion, read on B", is_gone, True)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        run(sys.argv[1], sys.argv[2])
    except Mismatch as mismatch:
        step(f"MISMATCH {mismatch}")
        return 1
    step("all the same")
    return 0


if __name__ == "__main__":
    sys.exit(main())
