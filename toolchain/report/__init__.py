"""What a build tells about itself: report.json, report.html and the tables of the terminal."""
