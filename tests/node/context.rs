//! What the cases share: one node, which starts when the first of them needs it.

use anyhow::Result;
use tokio::sync::OnceCell;
use weir_tests::{
    identity::{self, OPERATOR},
    judge::Judge,
    node::Node,
    site::logs,
    timing::timed,
    tools::Tools,
};

/// Shared by all cases.
#[derive(Debug)]
pub(crate) struct Context {
    tools: Tools,
    node: OnceCell<Node>,
}

impl Context {
    /// Finds the tools; starts nothing yet.
    pub(crate) fn new() -> Result<Self> {
        let (tools, node) = (Tools::find()?, OnceCell::new());
        Ok(Self { tools, node })
    }

    /// Fails if an operator has ever written a status that breaks a rule. What routers served then is not known here:
    /// their logs went with their pods.
    pub(crate) fn judge(&self) -> Result<()> {
        let control_plane = self
            .node
            .get()
            .and_then(|node| node.cluster.control_plane.as_ref());
        let Some(control_plane) = control_plane else {
            return Ok(());
        };
        let judge = Judge {
            audit_log: control_plane.audit_log(),
            operator: identity::user(OPERATOR),
            routers: Vec::new(),
        };
        let judged = judge.judge_alone()?;
        eprintln!("           {judged} statuses so far, and none breaks a rule");
        Ok(())
    }

    /// The node, with Weir's images and nothing installed but what an earlier case left.
    pub(crate) async fn node(&self) -> Result<&Node> {
        let start = || async {
            let node = Node::start(&self.tools, &logs().join("node")).await?;
            timed("loading Weir's images", node.load_weir()).await?;
            Ok(node)
        };
        self.node.get_or_try_init(start).await
    }
}
