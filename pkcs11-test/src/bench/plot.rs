//! The plot: a bar for each figure with a limit, as long as its part of the limit: dark up to the best, light up to the median.

use super::rows::Row;

const LINE: usize = 26;
const TOP: usize = 64;
/// Where the bars begin, and how long one is that is as long as the limit.
const LEFT: f64 = 470.0;
const LIMIT: f64 = 170.0;
/// Longer bars are cut off.
const LONGEST: f64 = 2.2;

/// The plot as SVG.
pub(super) fn svg(rows: &[Row]) -> String {
    let shown: Vec<_> = rows
        .iter()
        .filter_map(|row| {
            let [best, median] = [row.best, row.measured].map(|figure| row.of_limit(figure));
            Some((row, best?, median?))
        })
        .collect();
    let height = TOP + shown.len() * LINE + 12;
    let limit = LEFT + LIMIT;
    let mut bars = String::new();
    for (index, (row, best, median)) in shown.iter().enumerate() {
        let top = TOP + index * LINE;
        let color = match *best <= 1.0 {
            true => "#15803d",
            false => "#b91c1c",
        };
        let [best, median] = [best, median].map(|part| part.min(LONGEST) * LIMIT);
        let unit = row.unit;
        let figure = row.best.unwrap_or_default();
        let what = row.what.split(" (").next().unwrap_or_default();
        let what = match row.what.split_once(") ") {
            Some((_, rest)) => format!("{what} {rest}"),
            None => row.what.clone(),
        };
        bars += &format!(
            "  <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{what}</text>\n  \
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{median:.1}\" height=\"16\" fill=\"{color}\" opacity=\"0.3\"/>\n  \
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{best:.1}\" height=\"16\" fill=\"{color}\"/>\n  \
             <text x=\"{:.1}\" y=\"{}\">{figure:.*} {unit}</text>\n",
            LEFT - 8.0,
            top + 13,
            LEFT + median.max(best) + 6.0,
            top + 13,
            row.digits,
        );
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 920 {height}\" font-family=\"Helvetica, Arial, sans-serif\" \
         font-size=\"13\" role=\"img\" aria-labelledby=\"title\">\n  \
         <title id=\"title\">Each measured figure as a part of what is wanted</title>\n  \
         <rect width=\"920\" height=\"{height}\" fill=\"#ffffff\"/>\n  \
         <g fill=\"#334155\">\n  \
         <text x=\"{limit}\" y=\"24\" text-anchor=\"middle\">wanted</text>\n  \
         <text x=\"{limit}\" y=\"42\" text-anchor=\"middle\" font-size=\"11\">dark: best, light: median</text>\n\
         {bars}  </g>\n  \
         <path d=\"M{limit} 50 V{}\" stroke=\"#0f172a\" stroke-dasharray=\"4 3\"/>\n</svg>\n",
        height - 8
    )
}
