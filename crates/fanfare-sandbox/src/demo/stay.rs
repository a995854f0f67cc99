//! After the last act: everything stays up, with a trickle of events, for people to try things.

use std::convert::Infallible;
use std::time::Duration;

use super::people::{self, Fate};
use super::play::Demo;
use super::screen::Live;
use super::telling;

/// How often one more person registers.
const TRICKLE: Duration = Duration::from_secs(1);

impl Demo {
    /// Publishes a registration now and then; ends only when it cannot go on.
    pub async fn stay_up(&mut self) -> anyhow::Result<Infallible> {
        self.suggest();
        let people = self.plot.events.len();
        let trickle = async {
            let mut tick = tokio::time::interval(TRICKLE);
            for number in people.. {
                tick.tick().await;
                if let Some(lost) = self.consumers.lost() {
                    let log = lost.log.display();
                    anyhow::bail!("the {} consumer has ended; its log is {log}", lost.name);
                }
                let event = people::registration(number, Fate::Welcome);
                self.board.expect(self.apis.iter().map(|api| api.key(&event)));
                self.producer.publish(&event).await?;
                self.board.published();
            }
            anyhow::bail!("there are no more numbers")
        };
        Live::start(&self.screen).show(&self.board, trickle).await
    }

    fn suggest(&self) {
        let paint = self.screen.paint();
        let title = "Everything stays up, one registration a second, until Ctrl-C";
        self.screen.tell_all(telling::heading(3, title, paint));
        let tool = &self.options.programs.operator;
        let here = std::env::current_dir().unwrap_or_default();
        let tool = tool.strip_prefix(here).unwrap_or(tool).display();
        let [hubspot, sendgrid] = &self.apis;
        let mut lines = vec![
            format!("export FANFARE_AMQP_URL='{}'", self.options.amqp_url),
            format!("export FANFARE_NAMESPACE={}", self.options.namespace),
            format!("{tool} status -d {} -d {}", hubspot.name, sendgrid.name),
            format!("{tool} dlq list -d {}", hubspot.name),
            format!("curl {}/_state", hubspot.mock.base_url()),
            format!(
                "curl -X PUT {}/_control -d '{{\"all\":{{\"status\":503}}}}'",
                sendgrid.mock.base_url()
            ),
        ];
        let admin = self.consumers.iter().map(|one| format!("curl {}/metrics", one.admin_url));
        lines.extend(admin);
        self.screen.tell_all(lines.into_iter().map(|line| format!("  $ {line}")));
        self.screen.tell("");
    }
}
