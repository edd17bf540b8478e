"""Fields that several forms have."""

from django import forms

DAY = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
