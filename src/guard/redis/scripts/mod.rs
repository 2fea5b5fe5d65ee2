//! The scripts: each decision is one of them, run by Redis in one step.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, FromRedisValue as _, RedisResult, ServerErrorKind, Value};

use super::connection::Connections;

/// What a script says where it runs on a replica.
pub(super) const NO_MASTER: &str = "this is no master";

/// A script and the hash by which Redis knows it.
#[derive(Debug)]
pub(super) struct Script {
    source: &'static str,
    hash: Box<str>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Scripts {
    /// Takes part in a memory.
    pub(super) begin: Script,
    /// Counts a request for a message.
    pub(super) admit: Script,
    /// Counts it under the ceilings that are in another slot of a cluster.
    pub(super) raise: Script,
    /// Gives the first back.
    pub(super) withdraw: Script,
    /// Gives the second back.
    pub(super) lower: Script,
    /// Judges an attempt.
    pub(super) peek: Script,
    /// Judges and counts it.
    pub(super) count: Script,
    /// Corrects its count.
    pub(super) amend: Script,
    /// Gives a use back.
    pub(super) give_back: Script,
    /// Counts a message as redeemed, in another slot of a cluster.
    pub(super) redeem: Script,
    /// Whether a session was ended.
    pub(super) ended_has: Script,
    /// Ends one.
    pub(super) ended_end: Script,
}

/// The scripts of every guard.
pub(super) static SCRIPTS: LazyLock<Scripts> = LazyLock::new(Scripts::new);

/// One call of a script.
#[derive(Debug)]
pub(super) struct Call {
    script: &'static Script,
    keys: Vec<String>,
    arguments: Vec<String>,
}

/// What a script answered: a word, and what belongs to it.
#[derive(Debug)]
pub(super) struct Reply(Vec<Value>);

macro_rules! script {
    ($($file:literal),+) => { Script::new(concat!($(include_str!(concat!($file, ".lua")), "\n"),+)) };
}

impl Scripts {
    fn new() -> Self {
        Self {
            begin: script!("memory", "begin"),
            admit: script!("memory", "windows", "tables", "marks", "ceilings", "breaker", "admit"),
            raise: script!("memory", "tables", "ceilings", "breaker", "raise"),
            withdraw: script!("memory", "tables", "marks", "ceilings", "breaker", "withdraw"),
            lower: script!("memory", "tables", "ceilings", "breaker", "lower"),
            peek: script!("memory", "windows", "standing", "peek"),
            count: script!("memory", "windows", "standing", "comparisons", "tables", "breaker", "count"),
            amend: script!("memory", "windows", "standing", "comparisons", "tables", "breaker", "amend"),
            give_back: script!("memory", "windows", "standing", "give_back"),
            redeem: script!("memory", "tables", "breaker", "redeem"),
            ended_has: script!("ended_has"),
            ended_end: script!("ended_end"),
        }
    }
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().into() }
    }
}

impl Call {
    /// A call with the keys and arguments that the script's head names, those that all share first.
    pub(super) fn new(script: &'static Script, keys: Vec<String>, arguments: Vec<String>) -> Self {
        Self { script, keys, arguments }
    }

    /// Runs the script: one round trip, or two when this server doesn't know it yet.
    pub(super) async fn run(&self, connections: &Connections) -> RedisResult<Reply> {
        let answer = match connections.send(&self.command("EVALSHA", &self.script.hash)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                connections.send(&self.command("EVAL", self.script.source)).await
            }
            answer => answer,
        };
        Ok(Reply(Vec::from_redis_value(answer?)?))
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}

impl Reply {
    /// The word.
    pub(super) fn word(&self) -> &str {
        self.text(0).unwrap_or_default()
    }

    /// A text behind it.
    pub(super) fn text(&self, at: usize) -> Option<&str> {
        match self.0.get(at)? {
            Value::BulkString(bytes) => core::str::from_utf8(bytes).ok(),
            Value::SimpleString(text) => Some(text),
            _ => None,
        }
    }

    /// All numbers from there on.
    pub(super) fn numbers(&self, from: usize) -> impl Iterator<Item = u32> + use<'_> {
        (from..).map_while(|at| self.number(at))
    }

    /// A number behind it.
    pub(super) fn number(&self, at: usize) -> Option<u32> {
        match self.0.get(at)? {
            Value::Int(number) => u32::try_from(*number).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_no_script_gives_is_no_word_and_no_number() {
        let odd = [
            vec![],
            vec![Value::Nil],
            vec![Value::Int(1), Value::Int(-1), Value::Int(1 << 40)],
            vec![Value::Okay, Value::Double(1.0), Value::Nil],
            vec![Value::BulkString(vec![0xff]), Value::BulkString(b"1".to_vec()), Value::Array(Vec::new())],
        ];
        for reply in odd.map(Reply) {
            assert_eq!(reply.word(), "", "{reply:?}");
            assert!((1..4).all(|at| reply.number(at).is_none()), "{reply:?}");
        }
    }

    #[test]
    fn no_two_scripts_are_the_same() {
        let Scripts { begin, admit, raise, withdraw, lower, peek, count, amend, give_back, redeem, ended_has, ended_end } =
            Scripts::new();
        let all = [begin, admit, raise, withdraw, lower, peek, count, amend, give_back, redeem, ended_has, ended_end];
        let hashes: std::collections::HashSet<_> = all.iter().map(|script| script.hash.clone()).collect();
        assert!(hashes.len() == all.len() && hashes.iter().all(|hash| hash.len() == 40));
    }
}
