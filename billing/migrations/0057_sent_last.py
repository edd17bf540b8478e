"""When an attempt or a refund left last: only from then on does a look-up prove something."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0056_draft_reviews'),
    ]

    operations = [
        migrations.AddField(
            model_name='paymentattempt',
            name='sent_at',
            field=models.DateTimeField(blank=True, help_text='when it left last', null=True),
        ),
        migrations.AddField(
            model_name='refund',
            name='sent_at',
            field=models.DateTimeField(blank=True, help_text='when it left last', null=True),
        ),
    ]
